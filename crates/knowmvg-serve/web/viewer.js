// The radiograph: window and level, zoom and pan, and the boxes over it.

import { isLight, percent } from "./findings.js";
import { bounds, DECISIONS, decision, markName } from "./review.js";

const SVG = "http://www.w3.org/2000/svg";
const LARGEST_ZOOM = 16;
/** Pixels on the screen. */
const LABEL = 15;

function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function rect([x0, y0, x1, y1], attributes) {
  return svg("rect", { x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0), ...attributes });
}

/** What stands behind the name of a box that somebody decided about. */
const SIGNS = { undecided: "", accepted: " ✓", rejected: " ✕", edited: " ✎", added: "" };

function setRect(node, [x0, y0, x1, y1]) {
  const sides = { x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) };
  for (const [name, value] of Object.entries(sides)) node.setAttribute(name, value);
}

/** Grey levels through a window, as PS3.3 C.11.2.1.3.2 (LINEAR_EXACT) says: `level` becomes middle grey. */
export function lookup(level, window, inverted) {
  const table = new Uint8ClampedArray(256);
  for (let grey = 0; grey < 256; grey++) {
    const shown = ((grey - level) / window + 0.5) * 255;
    table[grey] = inverted ? 255 - shown : shown;
  }
  return table;
}

export class Viewer {
  constructor({ stage, film, canvas, boxes, letters }) {
    Object.assign(this, { stage, film, canvas, boxes, letters });
    this.size = null;
    this.grey = null;
    this.tone = { level: 127.5, window: 255, inverted: false };
    this.place = { scale: 1, x: 0, y: 0 };
    new ResizeObserver(() => this.size && this.onResize()).observe(stage);
    stage.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    this.pointers = new Map();
    /** Takes pointers that change boxes; see editor.js. */
    this.editor = null;
    stage.addEventListener("pointerdown", (event) => this.onPointerDown(event));
    // A pointer that is down may leave the stage.
    window.addEventListener("pointermove", (event) => this.onPointerMove(event));
    window.addEventListener("pointerup", (event) => this.onPointerEnd(event));
    window.addEventListener("pointercancel", (event) => this.onPointerEnd(event));
  }

  /** Shows an image; `width` and `height` are those of the stored one, in which boxes are given. */
  async show(blob, { width, height }) {
    const bitmap = await createImageBitmap(blob);
    this.canvas.width = bitmap.width;
    this.canvas.height = bitmap.height;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
    this.grey = new Uint8Array(bitmap.width * bitmap.height);
    for (let i = 0; i < this.grey.length; i++) this.grey[i] = pixels.data[4 * i];
    this.pixels = pixels;
    this.size = { width, height };
    this.film.style.width = `${width}px`;
    this.film.style.height = `${height}px`;
    this.boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.boxes.replaceChildren();
    this.film.hidden = false;
    this.letters.forEach((letter) => (letter.hidden = false));
    this.setTone({ level: 127.5, window: 255, inverted: false });
    this.fit();
  }

  setTone(change) {
    Object.assign(this.tone, change);
    if (!this.grey || this.waits) return;
    // Sliders move faster than the screen.
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      this.draw();
    });
  }

  draw() {
    const table = lookup(this.tone.level, this.tone.window, this.tone.inverted);
    const rgba = new Uint32Array(this.pixels.data.buffer);
    // Little endian, as every machine that browsers run on.
    for (let i = 0; i < this.grey.length; i++) rgba[i] = 0xff000000 | (table[this.grey[i]] * 0x010101);
    this.canvas.getContext("2d").putImageData(this.pixels, 0, 0);
  }

  /** Who has zoomed in keeps that. */
  onResize() {
    const isFitted = this.place.scale <= this.smallest * 1.01;
    const { place } = this;
    this.fit();
    if (!isFitted) this.moveTo(place);
  }

  fit() {
    const { clientWidth, clientHeight } = this.stage;
    // While a browser lays the page out anew, for instance to print it.
    if (!clientWidth || !clientHeight) return;
    const scale = Math.min(clientWidth / this.size.width, clientHeight / this.size.height);
    const x = (clientWidth - this.size.width * scale) / 2;
    const y = (clientHeight - this.size.height * scale) / 2;
    this.smallest = scale;
    this.moveTo({ scale, x, y });
  }

  moveTo(place) {
    this.place = place;
    const { scale, x, y } = place;
    this.film.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    // Lines and letters keep their size on the screen.
    this.boxes.style.setProperty("--unit", 1 / scale);
    for (const text of this.boxes.querySelectorAll("text")) text.setAttribute("font-size", LABEL / scale);
    this.placeLabels();
    this.editor?.placeHandles();
    this.settleTouch();
  }

  /** One finger scrolls the page until the image is larger than its place, or boxes are edited. */
  settleTouch() {
    const isFree = this.place.scale > this.smallest * 1.01 || this.editor?.wantsTouch;
    this.stage.style.touchAction = isFree ? "none" : "pan-y";
  }

  placeLabels() {
    const taken = [];
    for (const back of this.boxes.querySelectorAll(".label")) taken.push(this.placeLabel(back, taken));
  }

  /** Where a pointer is on the stored image. */
  inImage({ clientX, clientY }) {
    const { left, top } = this.stage.getBoundingClientRect();
    const { scale, x, y } = this.place;
    return [(clientX - left - x) / scale, (clientY - top - y) / scale];
  }

  /** The part of the image that is on the stage. */
  seen() {
    const { scale, x, y } = this.place;
    const { width, height } = this.size;
    const [right, bottom] = [(this.stage.clientWidth - x) / scale, (this.stage.clientHeight - y) / scale];
    return [Math.max(0, -x / scale), Math.max(0, -y / scale), Math.min(width, right), Math.min(height, bottom)];
  }

  pan(dx, dy) {
    this.moveTo({ ...this.place, x: this.place.x + dx, y: this.place.y + dy });
  }

  /** Zooms so that the point of the stage stays where it is; by default its middle. */
  zoom(factor, point = [this.stage.clientWidth / 2, this.stage.clientHeight / 2]) {
    if (!this.size) return;
    const scale = Math.min(Math.max(this.place.scale * factor, this.smallest / 2), this.smallest * LARGEST_ZOOM);
    const ratio = scale / this.place.scale;
    const [x, y] = [point[0] - (point[0] - this.place.x) * ratio, point[1] - (point[1] - this.place.y) * ratio];
    this.moveTo({ scale, x, y });
  }

  onWheel(event) {
    if (!this.size) return;
    event.preventDefault();
    const { left, top } = this.stage.getBoundingClientRect();
    this.zoom(Math.exp(-event.deltaY / 400), [event.clientX - left, event.clientY - top]);
  }

  /** One finger or button moves, two fingers zoom; with shift or the right button the window follows the pointer. */
  onPointerDown(event) {
    if (!this.size || this.editor?.begin(event)) return;
    this.pointers.set(event.pointerId, event);
    this.changesTone = event.shiftKey || event.button === 2;
    this.stage.classList.add("dragging");
  }

  onPointerMove(event) {
    if (this.editor?.follow(event)) return;
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
    if (this.pointers.size === 2) this.pinch(event);
    else if (this.changesTone) this.ondragtone?.(dx, dy);
    else this.pan(dx, dy);
    this.pointers.set(event.pointerId, event);
  }

  onPointerEnd(event) {
    this.editor?.end(event);
    this.pointers.delete(event.pointerId);
    if (this.pointers.size === 0) this.stage.classList.remove("dragging");
  }

  pinch(move) {
    const other = [...this.pointers.values()].find((pointer) => pointer.pointerId !== move.pointerId);
    const last = this.pointers.get(move.pointerId);
    const distance = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
    const { left, top } = this.stage.getBoundingClientRect();
    const middle = [(move.clientX + other.clientX) / 2 - left, (move.clientY + other.clientY) / 2 - top];
    this.zoom(distance(move) / Math.max(1, distance(last)), middle);
  }

  /** Draws boxes; `linked(node, indices, control)` makes a box follow the selection. */
  showBoxes(findings, tints, anatomy, review, linked) {
    const hints = svg("g", { class: "anatomy", visibility: "hidden" });
    for (const structure of anatomy) {
      const name = svg("text", { class: "hint-name", x: structure.box[0], y: structure.box[1], dy: "1.2em", dx: "0.3em" }, structure.name);
      hints.append(rect(structure.box, { class: "hint" }), name);
    }
    this.shown = { findings, tints, review };
    const all = findings.flatMap((_, index) => review.marks[index].map((mark, nth) => ({ index, nth, at: bounds(mark) })));
    this.prior = svg("g", { class: "prior" });
    this.handles = svg("g", { class: "handles", "aria-hidden": "true" });
    // Small boxes lie on top, so that large ones don't hide them from the pointer.
    const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
    all.sort((a, b) => area(b.at) - area(a.at));
    this.nodes = new Map();
    const groups = all.map(({ index, nth }) => {
      const node = svg("g", { tabindex: 0, role: "button", "data-finding": index, "data-nth": nth });
      this.nodes.set(`${index}.${nth}`, node);
      this.fill(node, index, nth);
      linked(node, [index]);
      return node;
    });
    this.boxes.replaceChildren(hints, this.prior, ...groups, this.handles);
    this.moveTo(this.place);
  }

  node(index, nth) {
    return this.nodes?.get(`${index}.${nth}`);
  }

  /** Draws a box as it is now. */
  update(index, nth) {
    const node = this.node(index, nth);
    const isActive = node.classList.contains("active");
    this.fill(node, index, nth);
    node.classList.toggle("active", isActive);
    this.moveTo(this.place);
  }

  fill(node, index, nth) {
    const { findings, tints, review } = this.shown;
    const [finding, tint, mark] = [findings[index], tints[index], review.get(index, nth)];
    const [name, state, at] = [markName(index, review.marks[index], nth), decision(mark), bounds(mark)];
    const fits = mark.original ? `, the model's box fits with ${percent(mark.original.confidence)}` : "";
    const title = `Box ${name}: ${finding.phrase.text}, ${finding.assertion}${fits}, ${DECISIONS[state]}`;
    const label = name + SIGNS[state];
    node.setAttribute("class", `box ${finding.assertion} ${state}`);
    node.setAttribute("aria-label", title);
    const text = svg("text", { fill: isLight(tint) ? "#000" : "#fff", "aria-hidden": "true" }, label);
    const back = svg("rect", { class: "label", fill: tint, "data-letters": label.length });
    const ghost = state === "edited" ? [rect(mark.original.box, { class: "ghost" })] : [];
    const cross = state === "rejected" ? [svg("path", { class: "cross", stroke: tint })] : [];
    const lines = [rect(at, { class: "halo" }), rect(at, { class: "line", stroke: tint })];
    node.replaceChildren(svg("title", {}, title), ...ghost, ...lines, ...cross, back, text);
    this.placeBox(node, at);
  }

  /** Moves what is drawn of a box. */
  placeBox(node, at) {
    const [x0, y0, x1, y1] = at;
    for (const line of node.querySelectorAll(".halo, .line")) setRect(line, at);
    node.querySelector(".cross")?.setAttribute("d", `M${x0} ${y0}L${x1} ${y1}M${x1} ${y0}L${x0} ${y1}`);
    const { dataset } = node.querySelector(".label");
    Object.assign(dataset, { x: x0, y: y0 });
  }

  /** The badge above a box, or inside it at the top edge of the image; further right if another one is there. */
  placeLabel(back, taken) {
    const unit = 1 / this.place.scale;
    const [left, y] = [Number(back.dataset.x), Number(back.dataset.y)];
    const [width, height] = [(10 + 9.5 * Number(back.dataset.letters)) * unit, 21 * unit];
    const place = { x: left, y: y - height < 0 ? y : y - height, width, height };
    const covers = (other) =>
      place.x < other.x + other.width && other.x < place.x + width && place.y < other.y + height && other.y < place.y + height;
    for (let other; (other = taken.find(covers)); ) place.x = other.x + other.width + 2 * unit;
    for (const [key, value] of Object.entries({ ...place, rx: 4 * unit })) back.setAttribute(key, value);
    const text = back.nextElementSibling;
    text.setAttribute("x", place.x + 5 * unit);
    text.setAttribute("y", place.y + 16 * unit);
    return place;
  }

  setVisible(layer, isVisible) {
    if (layer === "boxes") {
      for (const box of this.boxes.querySelectorAll(".box")) box.style.display = isVisible ? "" : "none";
    } else {
      this.boxes.querySelector(`.${layer}`)?.setAttribute("visibility", isVisible ? "visible" : "hidden");
    }
  }

  /** Where the words alone would put a finding. */
  showPrior(bounds) {
    this.prior?.replaceChildren(...(bounds ? [rect(bounds, { class: "hint" })] : []));
  }
}
