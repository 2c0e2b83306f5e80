# Lets people choose a picture, or take one, where a page has an input for files.
.class public Lorg/photochrom/app/Chooser;
.super Landroid/webkit/WebChromeClient;
.source "Chooser.smali"

.field private final activity:Lorg/photochrom/app/MainActivity;

.method public constructor <init>(Lorg/photochrom/app/MainActivity;)V
    .registers 2
    invoke-direct {p0}, Landroid/webkit/WebChromeClient;-><init>()V
    iput-object p1, p0, Lorg/photochrom/app/Chooser;->activity:Lorg/photochrom/app/MainActivity;
    return-void
.end method

# The camera, writing into a file of ours that only it may open.
.method private camera()Landroid/content/Intent;
    .registers 7
    new-instance v0, Ljava/lang/StringBuilder;
    invoke-direct {v0}, Ljava/lang/StringBuilder;-><init>()V
    const-string v1, "content://org.photochrom.app.photos/photo-"
    invoke-virtual {v0, v1}, Ljava/lang/StringBuilder;->append(Ljava/lang/String;)Ljava/lang/StringBuilder;
    invoke-static {}, Ljava/lang/System;->currentTimeMillis()J
    move-result-wide v2
    invoke-virtual {v0, v2, v3}, Ljava/lang/StringBuilder;->append(J)Ljava/lang/StringBuilder;
    const-string v1, ".jpg"
    invoke-virtual {v0, v1}, Ljava/lang/StringBuilder;->append(Ljava/lang/String;)Ljava/lang/StringBuilder;
    invoke-virtual {v0}, Ljava/lang/StringBuilder;->toString()Ljava/lang/String;
    move-result-object v0
    invoke-static {v0}, Landroid/net/Uri;->parse(Ljava/lang/String;)Landroid/net/Uri;
    move-result-object v0
    iget-object v1, p0, Lorg/photochrom/app/Chooser;->activity:Lorg/photochrom/app/MainActivity;
    iput-object v0, v1, Lorg/photochrom/app/MainActivity;->camera:Landroid/net/Uri;
    new-instance v2, Landroid/content/Intent;
    const-string v3, "android.media.action.IMAGE_CAPTURE"
    invoke-direct {v2, v3}, Landroid/content/Intent;-><init>(Ljava/lang/String;)V
    const-string v3, "output"
    invoke-virtual {v2, v3, v0}, Landroid/content/Intent;->putExtra(Ljava/lang/String;Landroid/os/Parcelable;)Landroid/content/Intent;
    const-string v3, ""
    invoke-static {v3, v0}, Landroid/content/ClipData;->newRawUri(Ljava/lang/CharSequence;Landroid/net/Uri;)Landroid/content/ClipData;
    move-result-object v3
    invoke-virtual {v2, v3}, Landroid/content/Intent;->setClipData(Landroid/content/ClipData;)V
    const/4 v3, 0x3
    invoke-virtual {v2, v3}, Landroid/content/Intent;->addFlags(I)Landroid/content/Intent;
    return-object v2
.end method

.method public onShowFileChooser(Landroid/webkit/WebView;Landroid/webkit/ValueCallback;Landroid/webkit/WebChromeClient$FileChooserParams;)Z
    .registers 11
    iget-object v0, p0, Lorg/photochrom/app/Chooser;->activity:Lorg/photochrom/app/MainActivity;
    iget-object v1, v0, Lorg/photochrom/app/MainActivity;->chosen:Landroid/webkit/ValueCallback;
    const/4 v2, 0x0
    if-eqz v1, :free
    invoke-interface {v1, v2}, Landroid/webkit/ValueCallback;->onReceiveValue(Ljava/lang/Object;)V
    :free
    iput-object p2, v0, Lorg/photochrom/app/MainActivity;->chosen:Landroid/webkit/ValueCallback;
    invoke-direct {p0}, Lorg/photochrom/app/Chooser;->camera()Landroid/content/Intent;
    move-result-object v3
    invoke-virtual {p3}, Landroid/webkit/WebChromeClient$FileChooserParams;->isCaptureEnabled()Z
    move-result v1
    if-nez v1, :start
    invoke-virtual {p3}, Landroid/webkit/WebChromeClient$FileChooserParams;->createIntent()Landroid/content/Intent;
    move-result-object v1
    const/4 v4, 0x1
    new-array v4, v4, [Landroid/content/Intent;
    const/4 v5, 0x0
    aput-object v3, v4, v5
    invoke-static {v1, v2}, Landroid/content/Intent;->createChooser(Landroid/content/Intent;Ljava/lang/CharSequence;)Landroid/content/Intent;
    move-result-object v3
    const-string v1, "android.intent.extra.INITIAL_INTENTS"
    invoke-virtual {v3, v1, v4}, Landroid/content/Intent;->putExtra(Ljava/lang/String;[Landroid/os/Parcelable;)Landroid/content/Intent;
    :start
    :try_start
    const/4 v1, 0x1
    invoke-virtual {v0, v3, v1}, Lorg/photochrom/app/MainActivity;->startActivityForResult(Landroid/content/Intent;I)V
    :try_end
    .catch Landroid/content/ActivityNotFoundException; {:try_start .. :try_end} :nobody
    const/4 v1, 0x1
    return v1
    :nobody
    move-exception v1
    iput-object v2, v0, Lorg/photochrom/app/MainActivity;->chosen:Landroid/webkit/ValueCallback;
    const/4 v1, 0x0
    return v1
.end method
