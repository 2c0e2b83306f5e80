; GIMP 2.10: lay the colours of a file that photochrom has made over the picture it was made of.
;
; Script-Fu starts no programs, so the file is made before:  photochrom image grandmother.jpg
; Copy this file into GIMP's folder of scripts, then: Colors, Photochrom: colours from file.
; The lightness stays the picture's own, in all of its bits.

(define (script-fu-photochrom-colors image drawable filename)
  (gimp-image-undo-group-start image)
  (if (= (car (gimp-image-base-type image)) GRAY)
      (gimp-image-convert-rgb image))
  (let* ((layer (car (gimp-file-load-layer RUN-NONINTERACTIVE image filename))))
    (if (or (<> (car (gimp-drawable-width layer)) (car (gimp-image-width image)))
            (<> (car (gimp-drawable-height layer)) (car (gimp-image-height image))))
        (begin
          (gimp-image-undo-group-end image)
          (error (string-append filename " is not of the image's size; colour this very picture"))))
    (gimp-item-set-name layer "Photochrom")
    (gimp-image-insert-layer image layer 0 0)
    (gimp-layer-set-mode layer LAYER-MODE-LCH-COLOR)
    (gimp-image-undo-group-end image)
    (gimp-displays-flush)))

(script-fu-register
  "script-fu-photochrom-colors"
  "Photochrom: colours from file..."
  "Lay the colours of a file over the picture"
  "photochrom" "Apache-2.0" "2026" "RGB* GRAY*"
  SF-IMAGE "Image" 0
  SF-DRAWABLE "Drawable" 0
  SF-FILENAME "Coloured by photochrom image" "")
(script-fu-menu-register "script-fu-photochrom-colors" "<Image>/Colors")
