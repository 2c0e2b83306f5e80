// What every page of the app gets: pictures that other apps share, and downloads into the gallery.
const app = window.PhotochromApp;

// Once: what cannot be read now cannot be read later either, as whoever shared it has taken it back.
export async function takeShared() {
  if (!app?.hasShared()) return null;
  try {
    const answer = await fetch("/shared");
    if (!answer.ok) throw new Error(String(answer.status));
    const content = await answer.blob();
    if (content.size === 0) throw new Error("it is empty");
    return new File([content], `shared${endingOf(content)}`, { type: content.type });
  } catch (error) {
    console.info("the shared picture is not there:", error);
    tell("The shared picture cannot be read. Share it once more.");
    return null;
  } finally {
    app.clearShared();
  }
}

// What a name ends in, by the media type that another program may have made up.
function endingOf({ type }) {
  const kind = /^image\/([a-z0-9]+)$/.exec(type)?.[1];
  return kind ? `.${kind.replace("jpeg", "jpg")}` : "";
}

function tell(text) {
  const line = document.createElement("p");
  line.className = "note note-bad";
  line.setAttribute("role", "alert");
  line.textContent = text;
  (document.querySelector("#notes") ?? document.querySelector("main")).prepend(line);
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
    let saved = false;
    try {
      const content = blobs.get(link.href) ?? await (await fetch(link.href)).blob();
      saved = await save(link.download || "photograph.jpg", content);
    } catch (error) {
      console.info("it is not saved:", error); // as where the phone has no memory for it
    }
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
