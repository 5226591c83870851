// The page: an image and a report in, findings out, and one selection that report, list and boxes share.

import { closeSession, exportReviewed, ground, groundAs, layer, openSession, Refusal, sample, shownImage, useToken } from "./api.js";
import { Editor } from "./editor.js";
import { coco, reviewed } from "./exports.js";
import { showFindings, tints, updateMarks } from "./findings.js";
import { Layers } from "./layers.js";
import { showReport } from "./report.js";
import { bounds, DECISIONS, decision, markName, Review } from "./review.js";
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

const review = new Review();

const layers = new Layers({
  picture: $("layer"),
  legend: $("legend"),
  bar: $("legend-bar"),
  text: $("legend-text"),
  caution: $("legend-caution"),
  load: (kind, index, signal) => inSession((id) => layer(id, words(), kind, index, signal)),
});

/** What was asked, in the order of the findings. */
const words = () => ({ phrases: state.phrases, ...(state.report && { report: state.report }) });

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
  const question = "What you decided on this image was not downloaded. Open another one all the same?";
  if (!review.isSaved && !window.confirm(question)) return;
  if (report !== undefined) $("report").value = report;
  const opened = await during("Reading the radiograph …", () => start(image));
  if (!opened) return;
  clearResults();
  viewer.showBoxes([], [], opened.anatomy, review, linked);
  offerDicom();
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
  const asked = { report, phrases: state.phrases };
  const grounding = await during("Looking for what the report says …", () => inSession((id) => ground(id, asked)));
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
  layers.clear();
  editor.choose(null);
  editor.stopDrawing();
  const lost = review.follow(findings);
  if (report) {
    showReport($("marked-text"), report, findings, colours, linked);
    $("report-form").hidden = true;
    $("marked").hidden = false;
  }
  showFindings($("findings"), findings, colours, { linked, review, acts });
  viewer.showBoxes(findings, colours, grounding.anatomy, review, linked);
  applyLayers();
  $("warnings").replaceChildren(...grounding.warnings.map((text) => Object.assign(document.createElement("li"), { textContent: capital(text) })));
  const { model } = grounding;
  $("provenance").textContent = `${model.name} ${model.version}, knowledge ${model.knowledge}, weights ${model.sha256.slice(0, 12)}`;
  $("results").hidden = false;
  select(null);
  summarize();
  const boxes = findings.reduce((sum, finding) => sum + finding.boxes.length, 0);
  const summary = `${counted(findings.length, "finding", "findings")}, ${counted(boxes, "box", "boxes")}`;
  const gone = lost ? ` ${counted(lost, "decision", "decisions")} belonged to what is no longer there.` : "";
  tell(`${summary}.${gone}`);
}

function clearResults() {
  Object.assign(state, { report: "", phrases: [], grounding: null, selected: null });
  links.clear();
  review.clear();
  layers.clear();
  editor.choose(null);
  editor.stopDrawing();
  setEditing(false);
  summarize();
  $("results").hidden = true;
  editReport();
}

function editReport() {
  $("marked").hidden = true;
  $("report-form").hidden = false;
}

// -- review --------------------------------------------------------------------------------------

const editor = new Editor(viewer, {
  boxOf: (index, nth) => bounds(review.get(index, nth)),
  onedit(index, nth, box, kind) {
    if (!review.edit(index, nth, box, kind)) return viewer.update(index, nth);
    changed(index, nth);
  },
  ondraw(index, box) {
    const nth = review.add(index, box);
    setEditing(true);
    redraw(index, nth);
    tellBox(index, nth);
  },
  onchoose(index, nth) {
    editor.choose(index, nth);
    if (state.selected !== index) select(index);
  },
  onstop: (text) => tell(text),
});

/** What a person can do to a box, from the list. */
const acts = {
  accept: (index, nth) => (review.accept(index, nth), changed(index, nth)),
  reject: (index, nth) => (review.reject(index, nth), changed(index, nth)),
  restore: (index, nth) => (review.restore(index, nth), changed(index, nth)),
  remove(index, nth) {
    const name = markName(index, review.marks[index], nth);
    review.remove(index, nth);
    redraw(index, null);
    tell(`Box ${name} is removed.`);
  },
  draw(index) {
    select(index);
    editor.draw(index);
    $("stage").focus({ preventScroll: true });
    $("stage").scrollIntoView({ block: "nearest" });
    tell(`Drag over the place of “${state.grounding.findings[index].phrase.text}” on the radiograph, or press Enter for a box that arrows move. Escape leaves it.`);
  },
};

/** Shows one box as it is now, everywhere. */
function changed(index, nth) {
  viewer.update(index, nth);
  updateMarks($("findings"), state.grounding.findings, index, { review, acts });
  summarize();
  tellBox(index, nth);
}

/** After a box came or went: all of them are drawn anew, and the one that is meant gets the focus. */
function redraw(index, nth) {
  const { findings, anatomy } = state.grounding;
  // The box that it was may be gone.
  editor.choose(null);
  for (const [finding, nodes] of links) links.set(finding, nodes.filter((node) => !node.closest("svg")));
  viewer.showBoxes(findings, tints(findings), anatomy, review, linked);
  updateMarks($("findings"), findings, index, { review, acts });
  summarize();
  select(index);
  editor.choose(nth === null ? null : index, nth);
  if (nth !== null) viewer.node(index, nth).focus({ preventScroll: true });
  else if (document.activeElement === document.body) $("stage").focus({ preventScroll: true });
  applyLayers();
}

function tellBox(index, nth) {
  const mark = review.get(index, nth);
  const [x0, y0, x1, y1] = bounds(mark).map(Math.round);
  const place = `left ${x0}, top ${y0}, ${x1 - x0} wide, ${y1 - y0} high`;
  const isPlaced = ["edited", "added"].includes(decision(mark));
  tell(`Box ${markName(index, review.marks[index], nth)} ${DECISIONS[decision(mark)]}${isPlaced ? `: ${place}` : ""}.`);
}

function summarize() {
  const counts = review.counts();
  const total = review.all().length;
  const said = ["accepted", "rejected", "edited", "added"].filter((each) => counts[each]).map((each) => `${counts[each]} ${each}`);
  $("review-summary").textContent = `${total - counts.undecided} of ${counted(total, "box", "boxes")} decided${said.length ? `: ${said.join(", ")}` : ""}`;
  $("undo").disabled = !review.canUndo;
}

function undo() {
  const step = review.undo();
  if (!step) return tell("There is nothing to undo.");
  redraw(step.index, document.activeElement?.closest?.(".box, .stage") ? step.nth : null);
  tell(`Undone. ${$("review-summary").textContent}.`);
}

function setEditing(isOn) {
  $("edit-boxes").setAttribute("aria-pressed", `${isOn}`);
  editor.setOn(isOn);
}

function toggleEditing() {
  setEditing(!isOn("edit-boxes"));
  tell(isOn("edit-boxes") ? "Editing: drag a box or its handles. With the keys: arrows move the box in focus, with Shift they change its size." : "Editing ends; what was changed stays.");
}

// The box in focus is the one that keys and handles act on.
$("boxes").addEventListener("focusin", (event) => {
  const box = event.target.closest(".box");
  if (box) editor.choose(Number(box.dataset.finding), Number(box.dataset.nth));
});

$("boxes").addEventListener("keydown", (event) => {
  const box = event.target.closest(".box");
  if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
  const [index, nth] = [Number(box.dataset.finding), Number(box.dataset.nth)];
  const isAdded = !review.get(index, nth).original;
  const act = {
    a: () => acts.accept(index, nth),
    r: () => (isAdded ? acts.remove(index, nth) : acts.reject(index, nth)),
    Delete: () => (isAdded ? acts.remove(index, nth) : acts.reject(index, nth)),
  }[event.key];
  if (!act && !editor.press(event)) return;
  event.preventDefault();
  event.stopPropagation();
  act?.();
});

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
  showLayer();
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

/** The layer of the selected finding. */
function showLayer() {
  layers.show($("layer-kind").value, state.selected, state.grounding?.findings[state.selected]);
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
  e: () => toggleEditing(),
  u: () => undo(),
  ArrowLeft: () => viewer.pan(40, 0),
  ArrowRight: () => viewer.pan(-40, 0),
  ArrowUp: () => viewer.pan(0, 40),
  ArrowDown: () => viewer.pan(0, -40),
};

$("stage").addEventListener("keydown", (event) => {
  if (editor.drawing !== null && (event.key === "Enter" || event.key === "Escape")) {
    event.preventDefault();
    if (event.key === "Enter") return editor.drawInTheMiddle();
    editor.stopDrawing();
    return tell("Nothing was drawn.");
  }
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
$("edit-boxes").addEventListener("click", toggleEditing);
$("undo").addEventListener("click", undo);
$("layer-kind").addEventListener("change", showLayer);
$("layer-opacity").addEventListener("input", () => layers.setOpacity($("layer-opacity").value));
layers.setOpacity($("layer-opacity").value);
document.addEventListener("keydown", (event) => {
  const isText = event.target.closest("input, textarea");
  if (isText || event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
  event.preventDefault();
  undo();
});

// -- files ---------------------------------------------------------------------------------------

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function saveJson(value, name) {
  save(new Blob([JSON.stringify(value, null, 2)], { type: "application/json" }), name);
  review.isSaved = true;
}

$("save-json").addEventListener("click", () => saveJson(reviewed(state.grounding, review), "grounding.json"));
$("save-coco").addEventListener("click", () => saveJson(coco(state.grounding, review), "grounding.coco.json"));

/** A file that the server makes: of the result as the model gave it, or of what the review leaves. */
async function saveMade(make, accept, name) {
  const file = await during("Making the file …", () => inSession((id) => make(id, accept)));
  if (!file) return false;
  tell(`${name} is made.`);
  save(file, name);
  return true;
}

const asFound = (id, accept) => groundAs(id, words(), accept);
const asReviewed = (id, accept) => exportReviewed(id, reviewed(state.grounding, review), accept);

$("found-png").addEventListener("click", () => saveMade(asFound, "image/png", "overlay.png"));
$("found-sr").addEventListener("click", () => saveMade(asFound, "application/dicom", "report.dcm"));
$("save-png").addEventListener("click", () => saveMade(asReviewed, "image/png", "overlay-reviewed.png"));
$("save-sr").addEventListener("click", () => saveMade(asReviewed, "application/dicom", "report-reviewed.dcm"));

/** A structured report belongs to a patient and a study, which only DICOM names. */
function offerDicom() {
  const { format } = state.session.image;
  const isPicture = format === "PNG" || format === "JPEG";
  for (const id of ["save-sr", "found-sr"]) $(id).disabled = isPicture;
  const reason = `A DICOM structured report needs a radiograph that was sent as DICOM; this one is ${format}.`;
  $("sr-reason").textContent = isPicture ? reason : "";
}

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

window.addEventListener("beforeunload", (event) => review.isSaved || event.preventDefault());
window.addEventListener("pagehide", () => state.session && closeSession(state.session.id));

if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
  $("local").textContent = `Everything is processed on ${location.host}. Nothing is sent elsewhere or written to disk.`;
}
