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
    :try_end
    .catch Ljava/lang/Exception; {:try_start .. :try_end} :failed
    if-eqz v2, :refused
    :write_start
    invoke-virtual {v0, v2}, Landroid/content/ContentResolver;->openOutputStream(Landroid/net/Uri;)Ljava/io/OutputStream;
    move-result-object v1
    if-eqz v1, :unwritten
    invoke-virtual {v1, v3}, Ljava/io/OutputStream;->write([B)V
    invoke-virtual {v1}, Ljava/io/OutputStream;->close()V
    :write_end
    .catch Ljava/lang/Exception; {:write_start .. :write_end} :broken
    const/4 v0, 0x1
    return v0
    :broken
    move-exception v1
    # Without space, say: what is not whole goes out of the gallery again.
    :unwritten
    const/4 v1, 0x0
    :remove_start
    invoke-virtual {v0, v2, v1, v1}, Landroid/content/ContentResolver;->delete(Landroid/net/Uri;Ljava/lang/String;[Ljava/lang/String;)I
    :remove_end
    .catch Ljava/lang/Exception; {:remove_start .. :remove_end} :failed
    goto :refused
    :failed
    move-exception v0
    :refused
    const/4 v0, 0x0
    return v0
.end method
