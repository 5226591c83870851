// The list of findings: what was asked, how sure the answer is, why it is there, and what a person decided.

import { DECISIONS, decision, markName } from "./review.js";

// Okabe and Ito's colours, which people with any common colour vision tell apart.
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#3d9be0"];
const NEUTRAL = "#9aa6b1";

/** A colour for each finding: boxes of different findings differ while there are colours. */
export function tints(findings) {
  let next = 0;
  return findings.map((finding) => (finding.boxes.length ? COLOURS[next++ % COLOURS.length] : NEUTRAL));
}

export const percent = (share) => `${Math.round(share * 100)} %`;

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

const ASSERTIONS = { present: "the report affirms it", uncertain: "the report is not sure", absent: "the report denies it" };
const SUPPORTS = { image: "the image speaks for it", prior: "only the usual place speaks for it, not the image", none: "no box" };

function tags(finding) {
  const said = [finding.phrase.span ? ASSERTIONS[finding.assertion] : "you asked for it"];
  if (finding.side) said.push(finding.side === "left" || finding.side === "right" ? `patient's ${finding.side}` : finding.side);
  if (finding.boxes.length) said.push(SUPPORTS[finding.evidence.support]);
  else if (finding.assertion === "absent") said.push("not looked for");
  else said.push("no box");
  return said.join(" · ");
}

function measure(name, value) {
  const meter = make("meter", "");
  meter.min = 0;
  meter.max = 1;
  meter.value = value;
  meter.setAttribute("aria-label", name);
  return [make("span", "", name), meter, make("span", "", percent(value))];
}

/** `key` finds the button again after its row was made anew. */
function actButton(key, sign, label, act, className = "") {
  const button = make("button", className, sign);
  Object.assign(button, { type: "button", title: label });
  button.setAttribute("aria-label", label);
  button.dataset.key = key;
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    act();
  });
  return button;
}

/** The buttons that decide about a box. */
function deciders({ finding, index, nth, name, state, acts }) {
  const of = `box ${name}: ${finding.phrase.text}`;
  if (state === "added") return [actButton(`remove-${nth}`, "✕", `Remove ${of}`, () => acts.remove(index, nth))];
  const accept = actButton(`accept-${nth}`, "✓", `Accept ${of}`, () => acts.accept(index, nth));
  const reject = actButton(`reject-${nth}`, "✕", `Reject ${of}`, () => acts.reject(index, nth));
  accept.setAttribute("aria-pressed", `${state === "accepted" || state === "edited"}`);
  reject.setAttribute("aria-pressed", `${state === "rejected"}`);
  return [accept, reject];
}

function markRow(finding, index, marks, nth, acts) {
  const mark = marks[nth];
  const [state, name] = [decision(mark), markName(index, marks, nth)];
  const row = make("div", `mark ${state}`);
  // What was measured is the model's box, wherever a person has put it.
  const whose = mark.edited ? "model's box" : "box";
  const label = marks.length === 1 && mark.original ? `${whose} fits` : mark.original ? `${whose} ${name} fits` : `box ${name}`;
  if (mark.original) row.append(...measure(label, mark.original.confidence));
  else row.append(make("span", "", label), make("span", "drawn", "without a confidence"));
  row.append(make("span", "decide", ...deciders({ finding, index, nth, name, state, acts })));
  if (state === "undecided") return row;
  const words = make("span", "state", make("span", "chip", DECISIONS[state]));
  if (mark.original && mark.edited) {
    words.append(actButton(`restore-${nth}`, "Back to the model's box", `Back to the model's box ${name}`, () => acts.restore(index, nth), "link"));
  }
  row.append(words);
  return row;
}

function measures(finding, index, marks, acts) {
  const rows = marks.map((_, nth) => markRow(finding, index, marks, nth, acts));
  if (typeof finding.presence === "number") rows.push(make("div", "mark", ...measure("image shows it", finding.presence)));
  return make("div", "measures", ...rows);
}

function evidence(finding) {
  const { knowledge, prior_source, attention_in_box, knowledge_gate } = finding.evidence;
  const rows = knowledge.map((node) => [node.kind, `${node.name} (${node.how} of “${node.matched_text}”, ${percent(node.score)})`]);
  if (knowledge.length === 0) rows.push(["knowledge", "nothing matched these words"]);
  if (prior_source) rows.push(["expected from", prior_source]);
  if (typeof attention_in_box === "number") rows.push(["attention", `${percent(attention_in_box)} of it inside the first box`]);
  if (typeof knowledge_gate === "number") rows.push(["knowledge used", percent(knowledge_gate)]);
  if (finding.boxes.length) rows.push(["edges", `within about ${Math.round(Math.max(...finding.boxes[0].spread))} pixels`]);
  const list = make("dl", "", ...rows.flatMap(([term, text]) => [make("dt", "", term), make("dd", "", text)]));
  return make("details", "", make("summary", "", "Why there"), list);
}

function card(finding, index, tint, { linked, review, acts }) {
  const badge = make("span", "badge", `${index + 1}`);
  const button = make("button", "", badge, make("span", "words", finding.phrase.text), make("span", "tags", tags(finding)));
  button.type = "button";
  const item = make("li", `finding ${finding.assertion}`, button);
  item.style.setProperty("--tint", tint);
  item.style.setProperty("--tint-ink", isLight(tint) ? "#000" : "#fff");
  // What the report denies has no box; who sees it nevertheless can look for it in words.
  const draw = finding.assertion === "absent" ? [] : [actButton("draw", "Draw a box", `Draw a box for ${index + 1}: ${finding.phrase.text}`, () => acts.draw(index), "link")];
  item.append(measures(finding, index, review.marks[index], acts), make("div", "foot", evidence(finding), ...draw));
  linked(item, [index], button);
  return item;
}

/** Whether black is easier to read on a colour than white. */
export function isLight(hex) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue > 110;
}

/**
 * Fills the list; `linked(node, indices, control)` makes an item follow the selection, `acts` has what a person can decide.
 */
export function showFindings(list, findings, colours, shared) {
  list.replaceChildren(...findings.map((finding, index) => card(finding, index, colours[index], shared)));
}

/** Shows the boxes of one finding as they are now; a button that had the focus keeps it, or gives it to the finding. */
export function updateMarks(list, findings, index, { review, acts }) {
  const item = list.children[index];
  const old = item.querySelector(".measures");
  const key = old.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const fresh = measures(findings[index], index, review.marks[index], acts);
  old.replaceWith(fresh);
  if (key) (fresh.querySelector(`[data-key="${key}"]`) ?? item.querySelector("button")).focus();
}
