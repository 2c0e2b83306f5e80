# The app's only screen: a web view with the pages of assets/, at an origin of their own.
.class public Lorg/photochrom/app/MainActivity;
.super Landroid/app/Activity;
.source "MainActivity.smali"

.field web:Landroid/webkit/WebView;

# Whoever waits for a file; null: nobody.
.field chosen:Landroid/webkit/ValueCallback;

# Where the camera puts its photograph.
.field camera:Landroid/net/Uri;

# A picture that another app has shared; null: none.
.field shared:Landroid/net/Uri;

.method public constructor <init>()V
    .registers 1
    invoke-direct {p0}, Landroid/app/Activity;-><init>()V
    return-void
.end method

.method protected onCreate(Landroid/os/Bundle;)V
    .registers 6
    invoke-super {p0, p1}, Landroid/app/Activity;->onCreate(Landroid/os/Bundle;)V

    new-instance v0, Landroid/webkit/WebView;
    invoke-direct {v0, p0}, Landroid/webkit/WebView;-><init>(Landroid/content/Context;)V
    iput-object v0, p0, Lorg/photochrom/app/MainActivity;->web:Landroid/webkit/WebView;

    invoke-virtual {v0}, Landroid/webkit/WebView;->getSettings()Landroid/webkit/WebSettings;
    move-result-object v1
    const/4 v2, 0x1
    invoke-virtual {v1, v2}, Landroid/webkit/WebSettings;->setJavaScriptEnabled(Z)V
    invoke-virtual {v1, v2}, Landroid/webkit/WebSettings;->setDomStorageEnabled(Z)V
    const/4 v2, 0x0
    invoke-virtual {v1, v2}, Landroid/webkit/WebSettings;->setAllowFileAccess(Z)V
    invoke-virtual {v1, v2}, Landroid/webkit/WebSettings;->setAllowContentAccess(Z)V
    # MIXED_CONTENT_ALWAYS_ALLOW: a studio in one's own network may have no HTTPS.
    invoke-virtual {v1, v2}, Landroid/webkit/WebSettings;->setMixedContentMode(I)V

    new-instance v1, Lorg/photochrom/app/Assets;
    invoke-direct {v1, p0}, Lorg/photochrom/app/Assets;-><init>(Lorg/photochrom/app/MainActivity;)V
    invoke-virtual {v0, v1}, Landroid/webkit/WebView;->setWebViewClient(Landroid/webkit/WebViewClient;)V

    new-instance v1, Lorg/photochrom/app/Chooser;
    invoke-direct {v1, p0}, Lorg/photochrom/app/Chooser;-><init>(Lorg/photochrom/app/MainActivity;)V
    invoke-virtual {v0, v1}, Landroid/webkit/WebView;->setWebChromeClient(Landroid/webkit/WebChromeClient;)V

    new-instance v1, Lorg/photochrom/app/Bridge;
    invoke-direct {v1, p0}, Lorg/photochrom/app/Bridge;-><init>(Lorg/photochrom/app/MainActivity;)V
    const-string v2, "PhotochromApp"
    invoke-virtual {v0, v1, v2}, Landroid/webkit/WebView;->addJavascriptInterface(Ljava/lang/Object;Ljava/lang/String;)V

    invoke-virtual {p0, v0}, Lorg/photochrom/app/MainActivity;->setContentView(Landroid/view/View;)V

    if-eqz p1, :begin
    invoke-virtual {v0, p1}, Landroid/webkit/WebView;->restoreState(Landroid/os/Bundle;)Landroid/webkit/WebBackForwardList;
    return-void

    :begin
    invoke-virtual {p0}, Lorg/photochrom/app/MainActivity;->getIntent()Landroid/content/Intent;
    move-result-object v1
    invoke-virtual {p0, v1}, Lorg/photochrom/app/MainActivity;->take(Landroid/content/Intent;)Z
    invoke-virtual {p0}, Lorg/photochrom/app/MainActivity;->showHome()V
    return-void
.end method

# Takes the picture that an intent shares; whether there is one.
.method take(Landroid/content/Intent;)Z
    .registers 4
    const-string v0, "android.intent.action.SEND"
    invoke-virtual {p1}, Landroid/content/Intent;->getAction()Ljava/lang/String;
    move-result-object v1
    invoke-virtual {v0, v1}, Ljava/lang/String;->equals(Ljava/lang/Object;)Z
    move-result v0
    if-eqz v0, :nothing
    const-string v0, "android.intent.extra.STREAM"
    invoke-virtual {p1, v0}, Landroid/content/Intent;->getParcelableExtra(Ljava/lang/String;)Landroid/os/Parcelable;
    move-result-object v0
    instance-of v1, v0, Landroid/net/Uri;
    if-eqz v1, :nothing
    check-cast v0, Landroid/net/Uri;
    iput-object v0, p0, Lorg/photochrom/app/MainActivity;->shared:Landroid/net/Uri;
    const/4 v0, 0x1
    return v0
    :nothing
    const/4 v0, 0x0
    return v0
.end method

.method showHome()V
    .registers 3
    iget-object v0, p0, Lorg/photochrom/app/MainActivity;->web:Landroid/webkit/WebView;
    const-string v1, "https://app.photochrom.invalid/home.html"
    invoke-virtual {v0, v1}, Landroid/webkit/WebView;->loadUrl(Ljava/lang/String;)V
    return-void
.end method

# A picture that is shared begins anew; the app's icon alone leads back to what is there.
.method protected onNewIntent(Landroid/content/Intent;)V
    .registers 3
    invoke-super {p0, p1}, Landroid/app/Activity;->onNewIntent(Landroid/content/Intent;)V
    invoke-virtual {p0, p1}, Lorg/photochrom/app/MainActivity;->take(Landroid/content/Intent;)Z
    move-result v0
    if-eqz v0, :end
    invoke-virtual {p0}, Lorg/photochrom/app/MainActivity;->showHome()V
    :end
    return-void
.end method

# What was chosen goes to the page: the file, else what the camera has taken, else nothing.
.method protected onActivityResult(IILandroid/content/Intent;)V
    .registers 9
    invoke-super {p0, p1, p2, p3}, Landroid/app/Activity;->onActivityResult(IILandroid/content/Intent;)V
    iget-object v0, p0, Lorg/photochrom/app/MainActivity;->chosen:Landroid/webkit/ValueCallback;
    if-eqz v0, :end
    const/4 v1, 0x0
    iput-object v1, p0, Lorg/photochrom/app/MainActivity;->chosen:Landroid/webkit/ValueCallback;
    const/4 v3, -0x1
    if-ne p2, v3, :answer
    const/4 v2, 0x0
    if-eqz p3, :photograph
    invoke-virtual {p3}, Landroid/content/Intent;->getData()Landroid/net/Uri;
    move-result-object v2
    :photograph
    if-nez v2, :found
    iget-object v2, p0, Lorg/photochrom/app/MainActivity;->camera:Landroid/net/Uri;
    if-eqz v2, :answer
    :found
    const/4 v3, 0x1
    new-array v1, v3, [Landroid/net/Uri;
    const/4 v3, 0x0
    aput-object v2, v1, v3
    :answer
    invoke-interface {v0, v1}, Landroid/webkit/ValueCallback;->onReceiveValue(Ljava/lang/Object;)V
    :end
    return-void
.end method

.method public onBackPressed()V
    .registers 3
    iget-object v0, p0, Lorg/photochrom/app/MainActivity;->web:Landroid/webkit/WebView;
    invoke-virtual {v0}, Landroid/webkit/WebView;->canGoBack()Z
    move-result v1
    if-eqz v1, :leave
    invoke-virtual {v0}, Landroid/webkit/WebView;->goBack()V
    return-void
    :leave
    invoke-super {p0}, Landroid/app/Activity;->onBackPressed()V
    return-void
.end method

.method protected onSaveInstanceState(Landroid/os/Bundle;)V
    .registers 3
    invoke-super {p0, p1}, Landroid/app/Activity;->onSaveInstanceState(Landroid/os/Bundle;)V
    iget-object v0, p0, Lorg/photochrom/app/MainActivity;->web:Landroid/webkit/WebView;
    invoke-virtual {v0, p1}, Landroid/webkit/WebView;->saveState(Landroid/os/Bundle;)Landroid/webkit/WebBackForwardList;
    return-void
.end method
