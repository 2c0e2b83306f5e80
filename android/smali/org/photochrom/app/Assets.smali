# Answers requests to the app's own origin from assets/; all else is the network's, or a browser's.
.class public Lorg/photochrom/app/Assets;
.super Landroid/webkit/WebViewClient;
.source "Assets.smali"

.field private final activity:Lorg/photochrom/app/MainActivity;

.method public constructor <init>(Lorg/photochrom/app/MainActivity;)V
    .registers 2
    invoke-direct {p0}, Landroid/webkit/WebViewClient;-><init>()V
    iput-object p1, p0, Lorg/photochrom/app/Assets;->activity:Lorg/photochrom/app/MainActivity;
    return-void
.end method

.method private static isOwn(Landroid/net/Uri;)Z
    .registers 2
    invoke-virtual {p0}, Landroid/net/Uri;->getHost()Ljava/lang/String;
    move-result-object p0
    const-string v0, "app.photochrom.invalid"
    invoke-virtual {v0, p0}, Ljava/lang/String;->equals(Ljava/lang/Object;)Z
    move-result v0
    return v0
.end method

# The media type of a path, by its ending.
.method static mediaType(Ljava/lang/String;)Ljava/lang/String;
    .registers 6
    const/16 v0, 0x2e
    invoke-virtual {p0, v0}, Ljava/lang/String;->lastIndexOf(I)I
    move-result v0
    add-int/lit8 v0, v0, 0x1
    invoke-virtual {p0, v0}, Ljava/lang/String;->substring(I)Ljava/lang/String;
    move-result-object p0
    const-string v0, ";"
    invoke-virtual {v0, p0}, Ljava/lang/String;->concat(Ljava/lang/String;)Ljava/lang/String;
    move-result-object v0
    const-string v1, "="
    invoke-virtual {v0, v1}, Ljava/lang/String;->concat(Ljava/lang/String;)Ljava/lang/String;
    move-result-object v0
    const-string v1, ";html=text/html;js=text/javascript;mjs=text/javascript;css=text/css;wasm=application/wasm;json=application/json;webmanifest=application/manifest+json;svg=image/svg+xml;png=image/png;jpg=image/jpeg;webp=image/webp;woff2=font/woff2;txt=text/plain;"
    invoke-virtual {v1, v0}, Ljava/lang/String;->indexOf(Ljava/lang/String;)I
    move-result v2
    if-gez v2, :known
    const-string v0, "application/octet-stream"
    return-object v0
    :known
    invoke-virtual {v0}, Ljava/lang/String;->length()I
    move-result v3
    add-int/2addr v2, v3
    const/16 v3, 0x3b
    invoke-virtual {v1, v3, v2}, Ljava/lang/String;->indexOf(II)I
    move-result v3
    invoke-virtual {v1, v2, v3}, Ljava/lang/String;->substring(II)Ljava/lang/String;
    move-result-object v0
    return-object v0
.end method

# Headers of every answer: threads of WebAssembly where the web view has them.
.method private static headers()Ljava/util/Map;
    .registers 3
    new-instance v0, Ljava/util/HashMap;
    invoke-direct {v0}, Ljava/util/HashMap;-><init>()V
    const-string v1, "Cross-Origin-Opener-Policy"
    const-string v2, "same-origin"
    invoke-virtual {v0, v1, v2}, Ljava/util/HashMap;->put(Ljava/lang/Object;Ljava/lang/Object;)Ljava/lang/Object;
    const-string v1, "Cross-Origin-Embedder-Policy"
    const-string v2, "require-corp"
    invoke-virtual {v0, v1, v2}, Ljava/util/HashMap;->put(Ljava/lang/Object;Ljava/lang/Object;)Ljava/lang/Object;
    const-string v1, "X-Content-Type-Options"
    const-string v2, "nosniff"
    invoke-virtual {v0, v1, v2}, Ljava/util/HashMap;->put(Ljava/lang/Object;Ljava/lang/Object;)Ljava/lang/Object;
    return-object v0
.end method

.method public shouldInterceptRequest(Landroid/webkit/WebView;Landroid/webkit/WebResourceRequest;)Landroid/webkit/WebResourceResponse;
    .registers 13
    invoke-interface {p2}, Landroid/webkit/WebResourceRequest;->getUrl()Landroid/net/Uri;
    move-result-object v7
    invoke-static {v7}, Lorg/photochrom/app/Assets;->isOwn(Landroid/net/Uri;)Z
    move-result v0
    if-nez v0, :own
    const/4 v0, 0x0
    return-object v0

    :own
    invoke-virtual {v7}, Landroid/net/Uri;->getPath()Ljava/lang/String;
    move-result-object v7
    const-string v2, "utf-8"
    invoke-static {}, Lorg/photochrom/app/Assets;->headers()Ljava/util/Map;
    move-result-object v5
    iget-object v8, p0, Lorg/photochrom/app/Assets;->activity:Lorg/photochrom/app/MainActivity;
    :try_start
    const-string v0, "/shared"
    invoke-virtual {v0, v7}, Ljava/lang/String;->equals(Ljava/lang/Object;)Z
    move-result v0
    if-nez v0, :shared
    invoke-virtual {v8}, Lorg/photochrom/app/MainActivity;->getAssets()Landroid/content/res/AssetManager;
    move-result-object v0
    const/4 v1, 0x1
    invoke-virtual {v7, v1}, Ljava/lang/String;->substring(I)Ljava/lang/String;
    move-result-object v1
    invoke-virtual {v0, v1}, Landroid/content/res/AssetManager;->open(Ljava/lang/String;)Ljava/io/InputStream;
    move-result-object v6
    invoke-static {v7}, Lorg/photochrom/app/Assets;->mediaType(Ljava/lang/String;)Ljava/lang/String;
    move-result-object v1
    goto :answer

    :shared
    invoke-virtual {v8}, Lorg/photochrom/app/MainActivity;->getContentResolver()Landroid/content/ContentResolver;
    move-result-object v0
    iget-object v7, v8, Lorg/photochrom/app/MainActivity;->shared:Landroid/net/Uri;
    if-eqz v7, :missing
    invoke-virtual {v0, v7}, Landroid/content/ContentResolver;->openInputStream(Landroid/net/Uri;)Ljava/io/InputStream;
    move-result-object v6
    if-eqz v6, :missing
    invoke-virtual {v0, v7}, Landroid/content/ContentResolver;->getType(Landroid/net/Uri;)Ljava/lang/String;
    move-result-object v1
    :answer
    const/16 v3, 0xc8
    const-string v4, "OK"
    new-instance v0, Landroid/webkit/WebResourceResponse;
    invoke-direct/range {v0 .. v6}, Landroid/webkit/WebResourceResponse;-><init>(Ljava/lang/String;Ljava/lang/String;ILjava/lang/String;Ljava/util/Map;Ljava/io/InputStream;)V
    return-object v0
    :try_end
    # Whatever another app's provider throws, it may not end this one.
    .catch Ljava/lang/Exception; {:try_start .. :try_end} :failed

    :failed
    move-exception v0
    :missing
    const-string v1, "text/plain"
    const/16 v3, 0x194
    const-string v4, "Not Found"
    const/4 v0, 0x0
    new-array v0, v0, [B
    new-instance v6, Ljava/io/ByteArrayInputStream;
    invoke-direct {v6, v0}, Ljava/io/ByteArrayInputStream;-><init>([B)V
    new-instance v0, Landroid/webkit/WebResourceResponse;
    invoke-direct/range {v0 .. v6}, Landroid/webkit/WebResourceResponse;-><init>(Ljava/lang/String;Ljava/lang/String;ILjava/lang/String;Ljava/util/Map;Ljava/io/InputStream;)V
    return-object v0
.end method

# Links out of the app open in the browser.
.method public shouldOverrideUrlLoading(Landroid/webkit/WebView;Landroid/webkit/WebResourceRequest;)Z
    .registers 7
    invoke-interface {p2}, Landroid/webkit/WebResourceRequest;->getUrl()Landroid/net/Uri;
    move-result-object v0
    invoke-static {v0}, Lorg/photochrom/app/Assets;->isOwn(Landroid/net/Uri;)Z
    move-result v1
    if-eqz v1, :out
    const/4 v1, 0x0
    return v1
    :out
    :try_start
    new-instance v1, Landroid/content/Intent;
    const-string v2, "android.intent.action.VIEW"
    invoke-direct {v1, v2, v0}, Landroid/content/Intent;-><init>(Ljava/lang/String;Landroid/net/Uri;)V
    iget-object v2, p0, Lorg/photochrom/app/Assets;->activity:Lorg/photochrom/app/MainActivity;
    invoke-virtual {v2, v1}, Lorg/photochrom/app/MainActivity;->startActivity(Landroid/content/Intent;)V
    :try_end
    .catch Landroid/content/ActivityNotFoundException; {:try_start .. :try_end} :nobody
    :done
    const/4 v1, 0x1
    return v1
    :nobody
    move-exception v0
    goto :done
.end method

# Every page of the app's gets what only an app can do: shared pictures, and saving.
.method public onPageFinished(Landroid/webkit/WebView;Ljava/lang/String;)V
    .registers 5
    invoke-static {p2}, Landroid/net/Uri;->parse(Ljava/lang/String;)Landroid/net/Uri;
    move-result-object v0
    invoke-static {v0}, Lorg/photochrom/app/Assets;->isOwn(Landroid/net/Uri;)Z
    move-result v0
    if-eqz v0, :end
    const-string v0, "import('/app.js')"
    const/4 v1, 0x0
    invoke-virtual {p1, v0, v1}, Landroid/webkit/WebView;->evaluateJavascript(Ljava/lang/String;Landroid/webkit/ValueCallback;)V
    :end
    return-void
.end method
