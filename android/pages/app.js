// What every page of the app gets: pictures that other apps share, and downloads into the gallery.
const app = window.PhotochromApp;

export async function takeShared() {
  if (!app?.hasShared()) return null;
  const answer = await fetch("/shared");
  if (!answer.ok) return null;
  const content = await answer.blob();
  app.clearShared();
  const ending = content.type.split("/")[1]?.replace("jpeg", "jpg") ?? "jpg";
  return new File([content], `shared.${ending}`, { type: content.type });
}

export async function save(name, content) {
  const bytes = new Uint8Array(await content.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return app.save(name, content.type || "image/jpeg", btoa(text));
}

// A web view has no downloads: a link to a blob goes into the gallery. Blobs are remembered, since a
// page's policy may forbid to fetch them; a link that is clicked by a script may be in no document.
if (app) {
  const blobs = new Map();
  const { createObjectURL } = URL;
  URL.createObjectURL = (object) => {
    const address = createObjectURL.call(URL, object);
    if (object instanceof Blob) {
      blobs.clear();
      blobs.set(address, object);
    }
    return address;
  };
  const keep = async (link) => {
    const content = blobs.get(link.href) ?? await (await fetch(link.href)).blob();
    const saved = await save(link.download || "photograph.jpg", content);
    link.dispatchEvent(new CustomEvent("saved", { bubbles: true, detail: saved }));
  };
  const isDownload = (link) => link?.hasAttribute("download") && link.href.startsWith("blob:");
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[download]");
    if (!isDownload(link)) return;
    event.preventDefault();
    keep(link);
  }, true);
  const { click } = HTMLAnchorElement.prototype;
  HTMLAnchorElement.prototype.click = function () {
    if (isDownload(this) && !this.isConnected) keep(this);
    else click.call(this);
  };
}

// Where the page has an input for pictures of its own, what was shared goes there.
const input = document.querySelector("input[type=file]");
if (input && location.pathname !== "/home.html") {
  const file = await takeShared();
  if (file) {
    const files = new DataTransfer();
    files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
}
