# What pages of the app may ask of the phone: PhotochromApp in their scripts.
.class public Lorg/photochrom/app/Bridge;
.super Ljava/lang/Object;
.source "Bridge.smali"

.field private final activity:Lorg/photochrom/app/MainActivity;

.method public constructor <init>(Lorg/photochrom/app/MainActivity;)V
    .registers 2
    invoke-direct {p0}, Ljava/lang/Object;-><init>()V
    iput-object p1, p0, Lorg/photochrom/app/Bridge;->activity:Lorg/photochrom/app/MainActivity;
    return-void
.end method

# Whether another app has shared a picture, which is at /shared until it is taken.
.method public hasShared()Z
    .registers 2
    .annotation runtime Landroid/webkit/JavascriptInterface;
    .end annotation
    iget-object v0, p0, Lorg/photochrom/app/Bridge;->activity:Lorg/photochrom/app/MainActivity;
    iget-object v0, v0, Lorg/photochrom/app/MainActivity;->shared:Landroid/net/Uri;
    if-eqz v0, :none
    const/4 v0, 0x1
    return v0
    :none
    const/4 v0, 0x0
    return v0
.end method

.method public clearShared()V
    .registers 3
    .annotation runtime Landroid/webkit/JavascriptInterface;
    .end annotation
    iget-object v0, p0, Lorg/photochrom/app/Bridge;->activity:Lorg/photochrom/app/MainActivity;
    const/4 v1, 0x0
    iput-object v1, v0, Lorg/photochrom/app/MainActivity;->shared:Landroid/net/Uri;
    return-void
.end method

# Put a picture into the gallery: its name, media type and content in base64. Whether that went.
.method public save(Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;)Z
    .registers 9
    .annotation runtime Landroid/webkit/JavascriptInterface;
    .end annotation
    iget-object v0, p0, Lorg/photochrom/app/Bridge;->activity:Lorg/photochrom/app/MainActivity;
    invoke-virtual {v0}, Lorg/photochrom/app/MainActivity;->getContentResolver()Landroid/content/ContentResolver;
    move-result-object v0
    new-instance v1, Landroid/content/ContentValues;
    invoke-direct {v1}, Landroid/content/ContentValues;-><init>()V
    const-string v2, "_display_name"
    invoke-virtual {v1, v2, p1}, Landroid/content/ContentValues;->put(Ljava/lang/String;Ljava/lang/String;)V
    const-string v2, "mime_type"
    invoke-virtual {v1, v2, p2}, Landroid/content/ContentValues;->put(Ljava/lang/String;Ljava/lang/String;)V
    const-string v2, "relative_path"
    const-string v3, "Pictures/Photochrom"
    invoke-virtual {v1, v2, v3}, Landroid/content/ContentValues;->put(Ljava/lang/String;Ljava/lang/String;)V
    :try_start
    const/4 v2, 0x0
    invoke-static {p3, v2}, Landroid/util/Base64;->decode(Ljava/lang/String;I)[B
    move-result-object v3
    sget-object v2, Landroid/provider/MediaStore$Images$Media;->EXTERNAL_CONTENT_URI:Landroid/net/Uri;
    invoke-virtual {v0, v2, v1}, Landroid/content/ContentResolver;->insert(Landroid/net/Uri;Landroid/content/ContentValues;)Landroid/net/Uri;
    move-result-object v2
    if-eqz v2, :refused
    invoke-virtual {v0, v2}, Landroid/content/ContentResolver;->openOutputStream(Landroid/net/Uri;)Ljava/io/OutputStream;
    move-result-object v0
    if-eqz v0, :refused
    invoke-virtual {v0, v3}, Ljava/io/OutputStream;->write([B)V
    invoke-virtual {v0}, Ljava/io/OutputStream;->close()V
    :try_end
    .catch Ljava/lang/Exception; {:try_start .. :try_end} :failed
    const/4 v0, 0x1
    return v0
    :failed
    move-exception v0
    :refused
    const/4 v0, 0x0
    return v0
.end method
