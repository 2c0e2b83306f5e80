// A studio's client: sign-up, log-in, Upload, Convert, Download, by its REST API and nothing else.
const TIMEOUT_MS = 120_000;
const SECTIONS = ["address", "sign-up", "log-in", "convert"];
const $ = (selector, root = document) => root.querySelector(selector);
const kept = (name) => localStorage.getItem(name) ?? "";

function show(name) {
  for (const id of SECTIONS) $(`#${id}`).hidden = id !== name;
  if (name !== "convert") return;
  $("#who").textContent = `${kept("name")} at ${kept("studio")}`;
  listModels();
}

async function listModels() {
  const select = $("#model");
  try {
    const answer = await fetch(`${kept("studio")}/api/v1/openapi.json`);
    const { schemas } = (await answer.json()).components;
    const names = schemas.QuickUpload?.properties.model.enum ?? [];
    select.replaceChildren(select.options[0], ...names.map((name) => new Option(name, name)));
  } catch { /* the studio's own model is there in any case */ }
}

function current() {
  const wanted = location.hash.slice(1);
  if (!kept("studio")) return "address";
  if (kept("token")) return wanted === "address" ? "address" : "convert";
  return SECTIONS.includes(wanted) && wanted !== "convert" ? wanted : "sign-up";
}

function tell(section, message, fields = {}) {
  for (const place of section.querySelectorAll(".problem")) {
    place.textContent = place.dataset.of ? fields[place.dataset.of] ?? "" : "";
  }
  const general = $(".problem:not([data-of])", section);
  if (Object.keys(fields).length === 0) general.textContent = message;
}

async function post(path, values) {
  let answer;
  try {
    answer = await fetch(`${kept("studio")}/api/v1${path}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw Object.assign(new Error(`No studio answers at ${kept("studio")}.`), { fields: {} });
  }
  const body = await answer.json().catch(() => ({ error: `The studio answered ${answer.status}.` }));
  if (!answer.ok) throw Object.assign(new Error(body.error), { fields: body.fields ?? {} });
  return body;
}

$("#address form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const section = $("#address");
  let studio;
  try {
    const typed = $("input", section).value.trim();
    studio = new URL(typed.includes("://") ? typed : `http://${typed}`);
    if (!/^https?:$/.test(studio.protocol)) throw new Error();
  } catch {
    return tell(section, "This is no address; write it as the studio shows it, such as http://192.168.1.20:8000.");
  }
  try {
    const answer = await fetch(`${studio.origin}/api/v1/openapi.json`, { signal: AbortSignal.timeout(10_000) });
    if (!(await answer.json()).info.title.includes("Photochrom")) throw new Error();
  } catch {
    return tell(section, `No studio answers at ${studio.origin}. Is this phone in the same network?`);
  }
  if (studio.origin !== kept("studio")) localStorage.removeItem("token");
  localStorage.setItem("studio", studio.origin);
  // A studio without accounts prints its token at the end of its address.
  const token = studio.searchParams.get("token");
  if (token) enter({ token, name: "You" });
  else location.hash = "sign-up", show(current());
});

function enter({ token, name }) {
  localStorage.setItem("token", token);
  localStorage.setItem("name", name);
  location.hash = "convert";
  show("convert");
}

for (const [id, path] of [["sign-up", "/accounts"], ["log-in", "/tokens"]]) {
  $(`#${id} form`).addEventListener("submit", async (event) => {
    event.preventDefault();
    const section = $(`#${id}`);
    const button = $("button", section);
    button.disabled = true;
    try {
      const values = Object.fromEntries(new FormData(event.target));
      enter(await post(path, { ...values, program: "Photochrom for Android" }));
    } catch (error) {
      tell(section, error.message, error.fields);
      if (error.fields.code) $(".code", section).hidden = false;
      $(`[name=${Object.keys(error.fields)[0]}]`, section)?.focus();
    } finally {
      button.disabled = false;
    }
  });
}

let photo = null;
let shown = "";
let running = null;

function view(content) {
  if (shown) URL.revokeObjectURL(shown);
  shown = URL.createObjectURL(content);
  $("#picture").src = shown;
  $("#picture").hidden = false;
}

$("#file").addEventListener("change", (event) => {
  running?.abort(); // its answer would be taken for that of the next one
  photo = event.target.files[0] ?? null;
  $("#start").disabled = photo === null;
  $("#download").hidden = true;
  tell($("#convert"), "");
  if (photo === null) return;
  view(photo);
  $("#picture").alt = "The photograph, as it was uploaded";
  $("#state").textContent = photo.name;
});

$("#start").addEventListener("click", () => {
  const form = new FormData();
  form.append("file", photo);
  form.append("vividness", $("#vividness").value);
  if ($("#model").value) form.append("model", $("#model").value);
  const request = new XMLHttpRequest();
  running = request;
  request.open("POST", `${kept("studio")}/api/v1/colorize`);
  request.setRequestHeader("Authorization", `Bearer ${kept("token")}`);
  request.responseType = "blob";
  request.timeout = TIMEOUT_MS;
  const progress = $("#progress");
  const end = (state, problem = "") => {
    progress.hidden = true;
    $("#start").disabled = false;
    $("#state").textContent = state;
    tell($("#convert"), problem);
  };
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) progress.value = event.loaded / event.total;
    $("#state").textContent = `Sending ${Math.round(100 * progress.value)} %`;
  });
  request.upload.addEventListener("load", () => {
    progress.removeAttribute("value");
    $("#state").textContent = "Colouring …";
  });
  request.addEventListener("abort", () => end(""));
  request.addEventListener("error", () => end("", "The connection broke off; try again."));
  request.addEventListener("timeout", () => end("", "The studio takes too long; try again."));
  request.addEventListener("load", async () => {
    if (request.status === 401) {
      end("");
      localStorage.removeItem("token");
      location.hash = "log-in";
      show("log-in");
      return tell($("#log-in"), "Log in again: the studio does not know this phone any more.");
    }
    if (request.status !== 200) {
      const body = await request.response.text();
      let message = `The studio answered ${request.status}.`;
      try { message = JSON.parse(body).error; } catch { /* not of the API: the status says it */ }
      return end("", message);
    }
    view(request.response);
    $("#picture").alt = "The photograph in colour";
    const download = $("#download");
    download.href = shown;
    // The result may be of another kind than what was sent, as of HEIC.
    const kind = request.response.type.split("/")[1]?.replace("jpeg", "jpg") ?? "jpg";
    download.download = `${photo.name.replace(/\.[^.]*$/, "") || "photograph"}.color.${kind}`;
    download.hidden = false;
    end("In colour.");
  });
  $("#start").disabled = true;
  progress.hidden = false;
  progress.value = 0;
  $("#download").hidden = true;
  tell($("#convert"), "");
  request.send(form);
});

$("#download").addEventListener("saved", (event) => {
  $("#state").textContent = event.detail ? "Saved in the gallery." : "It could not be saved.";
});

$("#leave").addEventListener("click", () => {
  localStorage.removeItem("token");
  location.hash = "log-in";
  show("log-in");
});

addEventListener("hashchange", () => show(current()));
$("#address input").value = kept("studio");
show(current());
