/** A photograph by a computer's camera; phones have one of their own behind the input. @module */
import { message, need, note } from "./messages.js";

const QUALITY = 0.95;

/**
 * Offer the camera where the browser has one, which it tells on secure addresses only.
 * @param {(photo: Blob, name: string) => void} onPhoto
 */
export async function offerCamera(onPhoto) {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  if (!devices.some(({ kind }) => kind === "videoinput")) return;
  /** @type {HTMLDialogElement} */
  const dialog = need("camera-view");
  /** @type {HTMLVideoElement} */
  const view = need("viewfinder");
  const button = need("webcam");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      view.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 4096 } } });
      dialog.showModal();
      await view.play();
    } catch (error) {
      dialog.close();
      note(`${message("failed")} ${error instanceof Error ? error.message : error}`, true);
    }
  });
  dialog.addEventListener("close", () => {
    if (view.srcObject instanceof MediaStream) for (const track of view.srcObject.getTracks()) track.stop();
    view.srcObject = null;
  });
  need("camera-close").addEventListener("click", () => dialog.close());
  need("shutter").addEventListener("click", () => {
    if (!view.videoWidth) return; // no frame has come yet
    const canvas = document.createElement("canvas");
    canvas.width = view.videoWidth;
    canvas.height = view.videoHeight;
    canvas.getContext("2d")?.drawImage(view, 0, 0);
    canvas.toBlob((photo) => photo && onPhoto(photo, "photograph.jpg"), "image/jpeg", QUALITY);
    dialog.close();
  });
}
