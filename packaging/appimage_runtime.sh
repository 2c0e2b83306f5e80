#!/bin/sh
# The small program that every AppImage begins with, from its authors' sources:
#
#     git clone https://github.com/AppImage/type2-runtime && git -C type2-runtime checkout caf24f9
#     git clone https://github.com/vasi/squashfuse && git -C squashfuse checkout df85c4d
#     sh packaging/appimage_runtime.sh type2-runtime squashfuse runtime-x86_64
#
# Wants autoconf, automake, gcc, libfuse3-dev, liblzma-dev, libtool, libzstd-dev, make, pkg-config, zlib1g-dev.
set -eu
runtime=$(realpath "$1")
squashfuse=$(realpath "$2")
out=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R "$squashfuse" "$work/squashfuse"
cd "$work/squashfuse"
./autogen.sh
CFLAGS="-Os -ffunction-sections -fdata-sections" ./configure --prefix="$work/installed" --without-lzo --without-lz4
make install
cp ./*.h "$work/installed/include/squashfuse"

cd "$runtime/src/runtime"
gcc -std=gnu99 -Os -D_FILE_OFFSET_BITS=64 -DGIT_COMMIT='"caf24f9"' -T data_sections.ld \
  -I"$work/installed/include" -I"$work/installed/include/squashfuse" -I/usr/include/fuse3 \
  -ffunction-sections -fdata-sections -Wl,--gc-sections -static-pie runtime.c -o "$work/runtime" \
  "$work/installed/lib/libsquashfuse_ll.a" "$work/installed/lib/libsquashfuse.a" \
  -lfuse3 -lzstd -lz -llzma -lpthread -ldl
strip "$work/runtime"
# The mark of an AppImage of the second type, which no linker writes.
printf 'AI\002' | dd of="$work/runtime" bs=1 count=3 seek=8 conv=notrunc
mv "$work/runtime" "$out"
