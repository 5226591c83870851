// The page: an image and a report in, findings out, and one selection that report, list and boxes share.

import { closeSession, ground, openSession, overlay, Refusal, sample, shownImage, useToken } from "./api.js";
import { showFindings, tints } from "./findings.js";
import { showReport } from "./report.js";
import { Viewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);

const viewer = new Viewer({
  stage: $("stage"),
  film: $("film"),
  canvas: $("canvas"),
  boxes: $("boxes"),
  letters: [$("patient-right"), $("patient-left")],
});

/** `image` is kept so that a session that ended can be opened again. */
const state = { image: null, session: null, report: "", phrases: [], grounding: null, selected: null };

// -- telling -------------------------------------------------------------------------------------

function tell(text, kind = "") {
  $("status").textContent = text;
  $("status").className = `status ${kind}`;
}

/** Does something that takes a while; what goes wrong is told. */
async function during(text, work) {
  tell(text, "busy");
  document.body.setAttribute("aria-busy", "true");
  try {
    return await work();
  } catch (error) {
    $("token-form").hidden = error.status !== 401;
    if (error instanceof Refusal) tell(`${error.title}: ${error.message}. ${capital(error.hint)}.`, "error");
    else tell("The server does not answer. Is it still running?", "error");
    return undefined;
  } finally {
    document.body.removeAttribute("aria-busy");
  }
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;

// -- image ---------------------------------------------------------------------------------------

async function open(image, report) {
  if (report !== undefined) $("report").value = report;
  const opened = await during("Reading the radiograph …", () => start(image));
  if (!opened) return;
  clearResults();
  $("empty").hidden = true;
  $("toolbar").hidden = false;
  $("phrase-form").hidden = false;
  resetTools();
  if ($("report").value.trim()) await groundReport();
  else tell("Paste the report, or look for a phrase.");
}

async function start(image) {
  const session = await openSession(image);
  const picture = await shownImage(session.id);
  if (state.session) closeSession(state.session.id);
  Object.assign(state, { image, session });
  await viewer.show(picture, session.image);
  viewer.showBoxes([], [], session.anatomy, linked);
  return session;
}

/** Asks in the session; if its time was over, in a new one of the same image. */
async function inSession(ask) {
  try {
    return await ask(state.session.id);
  } catch (error) {
    if (error.status !== 404) throw error;
    state.session = await openSession(state.image);
    return ask(state.session.id);
  }
}

// -- words ---------------------------------------------------------------------------------------

async function groundReport() {
  const report = $("report").value;
  if (!report.trim()) return tell("Paste a report first.", "error");
  if (!state.session) return tell("Choose a radiograph first.", "error");
  const words = { report, phrases: state.phrases };
  const grounding = await during("Looking for what the report says …", () => inSession((id) => ground(id, words)));
  if (!grounding) return;
  Object.assign(state, { report, grounding });
  show();
}

async function lookFor(phrase) {
  const grounding = await during("Looking …", () => inSession((id) => ground(id, { phrases: [phrase] })));
  if (!grounding) return;
  state.phrases.push(phrase);
  state.grounding ??= { ...grounding, findings: [] };
  state.grounding.findings.push(...grounding.findings);
  show();
  select(state.grounding.findings.length - 1, { scroll: true });
}

function show() {
  const { grounding, report } = state;
  const { findings } = grounding;
  const colours = tints(findings);
  links.clear();
  if (report) {
    showReport($("marked-text"), report, findings, colours, linked);
    $("report-form").hidden = true;
    $("marked").hidden = false;
  }
  showFindings($("findings"), findings, colours, linked);
  viewer.showBoxes(findings, colours, grounding.anatomy, linked);
  applyLayers();
  $("warnings").replaceChildren(...grounding.warnings.map((text) => Object.assign(document.createElement("li"), { textContent: capital(text) })));
  const { model } = grounding;
  $("provenance").textContent = `${model.name} ${model.version}, knowledge ${model.knowledge}, weights ${model.sha256.slice(0, 12)}`;
  $("results").hidden = false;
  select(null);
  const boxes = findings.reduce((sum, finding) => sum + finding.boxes.length, 0);
  const summary = `${counted(findings.length, "finding", "findings")}, ${counted(boxes, "box", "boxes")}`;
  $("canvas").setAttribute("aria-label", `Radiograph with ${counted(boxes, "box", "boxes")}; the list of findings says the same in words`);
  tell(`${summary}.`);
}

function clearResults() {
  Object.assign(state, { report: "", phrases: [], grounding: null, selected: null });
  links.clear();
  $("results").hidden = true;
  editReport();
}

function editReport() {
  $("marked").hidden = true;
  $("report-form").hidden = false;
}

// -- selection -----------------------------------------------------------------------------------

/** Finding → the nodes that show it: marks in the report, an item of the list, boxes. */
const links = new Map();

/** Makes a node follow the selection, and change it. */
function linked(node, indices, control = node) {
  for (const index of indices) links.set(index, [...(links.get(index) ?? []), node]);
  node.addEventListener("pointerenter", () => highlight(indices));
  node.addEventListener("pointerleave", () => highlight([]));
  control.addEventListener("focus", () => highlight(indices));
  control.addEventListener("blur", () => highlight([]));
  const choose = () => select(nextOf(indices), { scroll: true, from: node });
  control.addEventListener("click", choose);
  if (control.tagName === "BUTTON") return;
  control.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  });
}

/** Words of several findings go through them one after the other. */
function nextOf(indices) {
  return indices[(indices.indexOf(state.selected) + 1) % indices.length];
}

/** Shows what is pointed at, or else what is selected. */
function highlight(indices) {
  const shown = indices.length ? indices : state.selected === null ? [] : [state.selected];
  for (const [index, nodes] of links) for (const node of nodes) node.classList.remove("active");
  for (const index of shown) for (const node of links.get(index) ?? []) node.classList.add("active");
  const hasBox = shown.some((index) => state.grounding?.findings[index].boxes.length);
  $("boxes").classList.toggle("dimmed", hasBox);
  const first = state.grounding?.findings[shown[0]];
  viewer.showPrior($("show-prior").getAttribute("aria-pressed") === "true" ? first?.evidence.prior_box : null);
}

function select(index, { scroll = false, from = null } = {}) {
  state.selected = index;
  highlight([]);
  for (const [other, nodes] of links) {
    for (const node of nodes) if (node.closest(".findings")) node.querySelector("button").setAttribute("aria-pressed", `${other === index}`);
  }
  if (!scroll || index === null) return;
  for (const node of links.get(index)) {
    if (node !== from && !node.closest("svg")) node.scrollIntoView({ block: "nearest", behavior: "auto" });
  }
}

/** To the next finding or the one before; focus goes along, so that a screen reader reads it. */
function step(by) {
  const count = state.grounding?.findings.length ?? 0;
  if (count === 0) return;
  const from = state.selected ?? (by > 0 ? -1 : 0);
  const index = (from + by + count) % count;
  select(index, { scroll: true });
  const { phrase, boxes } = state.grounding.findings[index];
  tell(`${index + 1}: ${phrase.text}, ${counted(boxes.length, "box", "boxes")}`);
}

// -- tools ---------------------------------------------------------------------------------------

const isOn = (id) => $(id).getAttribute("aria-pressed") === "true";

function toggle(id) {
  $(id).setAttribute("aria-pressed", `${!isOn(id)}`);
}

function applyLayers() {
  viewer.setVisible("boxes", isOn("show-boxes"));
  viewer.setVisible("anatomy", isOn("show-anatomy"));
  highlight([]);
}

function applyTone() {
  const [level, window] = [Number($("level").value), Number($("window").value)];
  viewer.setTone({ level, window, inverted: isOn("invert") });
}

function resetTools() {
  $("level").value = 127.5;
  $("window").value = 255;
  $("invert").setAttribute("aria-pressed", "false");
  applyTone();
}

function nudge(id, by) {
  $(id).value = Number($(id).value) + by;
  applyTone();
}

viewer.ondragtone = (dx, dy) => {
  nudge("window", dx);
  nudge("level", dy);
};

const KEYS = {
  "+": () => viewer.zoom(1.25),
  "=": () => viewer.zoom(1.25),
  "-": () => viewer.zoom(0.8),
  0: () => viewer.size && viewer.fit(),
  i: () => (toggle("invert"), applyTone()),
  "[": () => nudge("window", 16),
  "]": () => nudge("window", -16),
  n: () => step(1),
  p: () => step(-1),
  ArrowLeft: () => viewer.pan(40, 0),
  ArrowRight: () => viewer.pan(-40, 0),
  ArrowUp: () => viewer.pan(0, 40),
  ArrowDown: () => viewer.pan(0, -40),
};

$("stage").addEventListener("keydown", (event) => {
  const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

for (const id of ["show-boxes", "show-anatomy", "show-prior"]) $(id).addEventListener("click", () => (toggle(id), applyLayers()));
for (const id of ["level", "window"]) $(id).addEventListener("input", applyTone);
$("invert").addEventListener("click", () => (toggle("invert"), applyTone()));
$("reset").addEventListener("click", resetTools);
$("zoom-in").addEventListener("click", () => viewer.zoom(1.25));
$("zoom-out").addEventListener("click", () => viewer.zoom(0.8));
$("fit").addEventListener("click", () => viewer.fit());

// -- files ---------------------------------------------------------------------------------------

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

$("save-json").addEventListener("click", () => {
  const text = JSON.stringify(state.grounding, null, 2);
  save(new Blob([text], { type: "application/json" }), "grounding.json");
});

$("save-png").addEventListener("click", async () => {
  const words = { phrases: state.phrases, ...(state.report && { report: state.report }) };
  const picture = await during("Drawing …", () => inSession((id) => overlay(id, words)));
  if (!picture) return;
  tell("The picture is drawn.");
  save(picture, "overlay.png");
});

$("choose").addEventListener("click", () => $("file").click());
$("another").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  const [image] = $("file").files;
  // The same file may be chosen again.
  if (image) open(image).finally(() => ($("file").value = ""));
});
$("sample").addEventListener("click", async () => {
  const inside = await during("Reading the sample …", sample);
  if (inside) open(inside.image, inside.report);
});

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dropping"));
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const files = [...event.dataTransfer.files];
  const isText = (file) => file.type === "text/plain" || file.name.toLowerCase().endsWith(".txt");
  const [report, image] = [files.find(isText), files.find((file) => !isText(file))];
  const text = report && (await report.text());
  if (image) open(image, text);
  else if (text !== undefined) $("report").value = text;
});

// -- forms ---------------------------------------------------------------------------------------

$("report-form").addEventListener("submit", (event) => {
  event.preventDefault();
  groundReport();
});
$("edit").addEventListener("click", () => {
  editReport();
  $("report").focus();
});
$("phrase-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const phrase = $("phrase").value.trim();
  if (!phrase) return tell("Type what to look for.", "error");
  lookFor(phrase).then(() => ($("phrase").value = ""));
});
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken($("token").value.trim());
  $("token").value = "";
  $("token-form").hidden = true;
  tell("Try again.");
});

window.addEventListener("pagehide", () => state.session && closeSession(state.session.id));

if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
  $("local").textContent = `Everything is processed on ${location.host}. Nothing is sent elsewhere or written to disk.`;
}
