// The radiograph: window and level, zoom and pan, and the boxes over it.

import { boxName, isLight, percent } from "./findings.js";

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
    new ResizeObserver(() => this.size && this.fit()).observe(stage);
    stage.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    this.pointers = new Map();
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

  fit() {
    const { clientWidth, clientHeight } = this.stage;
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
    const taken = [];
    for (const back of this.boxes.querySelectorAll(".label")) taken.push(this.placeLabel(back, taken));
    // One finger scrolls the page until the image is larger than its place.
    this.stage.style.touchAction = scale > this.smallest * 1.01 ? "none" : "pan-y";
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
    if (!this.size) return;
    this.pointers.set(event.pointerId, event);
    this.changesTone = event.shiftKey || event.button === 2;
    this.stage.classList.add("dragging");
  }

  onPointerMove(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
    if (this.pointers.size === 2) this.pinch(event);
    else if (this.changesTone) this.ondragtone?.(dx, dy);
    else this.pan(dx, dy);
    this.pointers.set(event.pointerId, event);
  }

  onPointerEnd(event) {
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
  showBoxes(findings, tints, anatomy, linked) {
    const hints = svg("g", { class: "anatomy", visibility: "hidden" });
    for (const structure of anatomy) {
      const name = svg("text", { class: "hint-name", x: structure.box[0], y: structure.box[1], dy: "1.2em", dx: "0.3em" }, structure.name);
      hints.append(rect(structure.box, { class: "hint" }), name);
    }
    const groups = findings.flatMap((finding, index) =>
      finding.boxes.map((box, nth) => this.group({ finding, index, box, nth, tint: tints[index] }, linked)),
    );
    this.prior = svg("g", { class: "prior" });
    // Small boxes lie on top, so that large ones don't hide them from the pointer.
    const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
    groups.sort((a, b) => area(b.bounds) - area(a.bounds));
    this.boxes.replaceChildren(hints, this.prior, ...groups.map(({ node }) => node));
    this.moveTo(this.place);
  }

  group({ finding, index, box, nth, tint }, linked) {
    const name = boxName(index, nth, finding.boxes.length);
    const title = `Box ${name}: ${finding.phrase.text}, ${finding.assertion}, fits with ${percent(box.confidence)}`;
    const [x, y] = box.box;
    const text = svg("text", { x, y, fill: isLight(tint) ? "#000" : "#fff", "aria-hidden": "true" }, name);
    const back = svg("rect", { class: "label", fill: tint, "data-x": x, "data-y": y, "data-letters": name.length });
    const node = svg(
      "g",
      { class: `box ${finding.assertion}`, tabindex: 0, role: "button", "aria-label": title, "data-finding": index },
      svg("title", {}, title),
      rect(box.box, { class: "halo" }),
      rect(box.box, { class: "line", stroke: tint }),
      back,
      text,
    );
    linked(node, [index]);
    return { node, bounds: box.box };
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
