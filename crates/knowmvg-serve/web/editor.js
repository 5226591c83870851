// Boxes under the pointer and under the keys: moved, resized, drawn.

import { inside, moved } from "./review.js";

const SVG = "http://www.w3.org/2000/svg";
/** Pixels on the screen. */
const HANDLE = 11;
const REACH = 30;
const STEP = 4;
/** Sides shorter than this have handles at their corners only. */
const SHORT = 56;

/** Which edges a handle takes along: left, top, right, bottom. */
const HANDLES = {
  nw: [1, 1, 0, 0], n: [0, 1, 0, 0], ne: [0, 1, 1, 0], e: [0, 0, 1, 0],
  se: [0, 0, 1, 1], s: [0, 0, 0, 1], sw: [1, 0, 0, 1], w: [1, 0, 0, 0],
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const node = (tag, attributes) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

export class Editor {
  /**
   * `boxOf(index, nth)` is where a box is; `onedit(index, nth, box, kind)` is told where it was put, `ondraw(index, box)` what
   * was drawn, `onchoose(index, nth)` which box is meant now, `onstop(words)` that drawing ended without a box.
   */
  constructor(viewer, { boxOf, onedit, ondraw, onchoose, onstop }) {
    Object.assign(this, { viewer, boxOf, onedit, ondraw, onchoose, onstop });
    this.isOn = false;
    this.current = null;
    this.drawing = null;
    this.drag = null;
    viewer.editor = this;
  }

  get wantsTouch() {
    return this.isOn || this.drawing !== null;
  }

  setOn(isOn) {
    this.isOn = isOn;
    this.viewer.stage.classList.toggle("editing", isOn);
    this.settle();
  }

  /** The box that handles and keys act on. */
  choose(index, nth) {
    this.current = index === null ? null : { index, nth };
    this.settle();
  }

  settle() {
    if (!this.viewer.size) return;
    this.viewer.settleTouch();
    this.placeHandles();
  }

  /** Waits for a box to be drawn for a finding. */
  draw(index) {
    this.drawing = index;
    this.viewer.stage.classList.add("drawing");
    this.settle();
  }

  stopDrawing() {
    this.drawing = null;
    this.drag = null;
    this.viewer.stage.classList.remove("drawing");
    this.viewer.boxes.querySelector(".sketch")?.remove();
    this.settle();
  }

  /** A box in the middle of what is seen, for those who draw without a pointer. */
  drawInTheMiddle() {
    const [x0, y0, x1, y1] = this.viewer.seen();
    const [x, y, side] = [(x0 + x1) / 2, (y0 + y1) / 2, Math.min(x1 - x0, y1 - y0) / 6];
    this.finishDrawing([x - side, y - side, x + side, y + side]);
  }

  finishDrawing(box) {
    const index = this.drawing;
    this.stopDrawing();
    this.ondraw(index, inside(box, this.viewer.size));
  }

  // -- handles -----------------------------------------------------------------------------------

  placeHandles() {
    const layer = this.viewer.handles;
    const box = this.isOn && this.current && this.drawing === null ? (this.drag?.box ?? this.boxOf(this.current.index, this.current.nth)) : null;
    if (!layer) return;
    if (!box) return layer.replaceChildren();
    // Handles stay the same nodes while one is held: a browser follows the node that was touched.
    if (!layer.childElementCount) layer.append(...Object.keys(HANDLES).map((name) => this.handle(name)));
    const unit = 1 / this.viewer.place.scale;
    const [x0, y0, x1, y1] = box;
    for (const handle of layer.children) {
      const [left, top, right, bottom] = HANDLES[handle.dataset.handle];
      const isEdge = left + top + right + bottom === 1;
      const side = left || right ? y1 - y0 : x1 - x0;
      handle.style.display = isEdge && side < SHORT * unit ? "none" : "";
      const x = left ? x0 : right ? x1 : (x0 + x1) / 2;
      const y = top ? y0 : bottom ? y1 : (y0 + y1) / 2;
      for (const [part, size] of [[handle.firstChild, REACH], [handle.lastChild, HANDLE]]) {
        const half = (size * unit) / 2;
        for (const [key, value] of Object.entries({ x: x - half, y: y - half, width: 2 * half, height: 2 * half })) part.setAttribute(key, value);
      }
    }
  }

  handle(name) {
    const group = node("g", { class: `handle ${name}`, "data-handle": name });
    group.append(node("rect", { class: "reach" }), node("rect", { class: "grip" }));
    return group;
  }

  // -- pointer -----------------------------------------------------------------------------------

  /** Whether the pointer changes a box from here on, and not the view. */
  begin(event) {
    if (this.drag) return true;
    if (event.button !== 0 || event.shiftKey) return false;
    const from = this.viewer.inImage(event);
    if (this.drawing !== null) {
      this.drag = { pointer: event.pointerId, from, edges: null, box: [...from, ...from] };
      return true;
    }
    if (!this.isOn) return false;
    const handle = event.target.closest?.(".handle");
    const box = event.target.closest?.(".box");
    if (box) {
      const [index, nth] = [Number(box.dataset.finding), Number(box.dataset.nth)];
      this.onchoose(index, nth);
      this.viewer.node(index, nth)?.focus({ preventScroll: true });
    } else if (!handle) return false;
    event.preventDefault();
    const { index, nth } = this.current;
    const start = this.boxOf(index, nth);
    this.drag = { pointer: event.pointerId, from, start, box: start, edges: handle ? HANDLES[handle.dataset.handle] : [1, 1, 1, 1] };
    return true;
  }

  follow(event) {
    const { drag } = this;
    if (drag?.pointer !== event.pointerId) return false;
    const [x, y] = this.viewer.inImage(event);
    const { size } = this.viewer;
    if (drag.edges === null) {
      drag.box = inside([...drag.from, x, y], size);
      this.sketch(drag.box);
      return true;
    }
    const [dx, dy] = [x - drag.from[0], y - drag.from[1]];
    const isMove = drag.edges.every(Boolean);
    drag.box = isMove ? moved(drag.start, dx, dy, size) : inside(drag.start.map((value, i) => value + drag.edges[i] * (i % 2 ? dy : dx)), size);
    this.preview(drag.box);
    return true;
  }

  preview(box) {
    const { index, nth } = this.current;
    this.viewer.placeBox(this.viewer.node(index, nth), box);
    this.viewer.placeLabels();
    this.placeHandles();
  }

  sketch(box) {
    const { boxes } = this.viewer;
    const rect = boxes.querySelector(".sketch") ?? boxes.appendChild(node("rect", { class: "sketch" }));
    const [x0, y0, x1, y1] = box;
    for (const [key, value] of Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 })) rect.setAttribute(key, value);
  }

  end(event) {
    const { drag } = this;
    if (drag?.pointer !== event.pointerId) return;
    this.drag = null;
    const isCancelled = event.type === "pointercancel";
    if (drag.edges === null) {
      const [x0, y0, x1, y1] = drag.box;
      const { scale } = this.viewer.place;
      if (!isCancelled && Math.min(x1 - x0, y1 - y0) * scale >= 6) return this.finishDrawing(drag.box);
      this.viewer.boxes.querySelector(".sketch")?.remove();
      return this.onstop("That was too small to be a box. Drag from one corner to the other.");
    }
    const { index, nth } = this.current;
    if (isCancelled || drag.box === drag.start) this.preview(drag.start);
    else this.onedit(index, nth, drag.box, null);
  }

  // -- keys --------------------------------------------------------------------------------------

  /** Arrows move the box, with Shift they move its right and lower edges; whether the key was one of these. */
  press(event) {
    const arrow = ARROWS[event.key];
    if (!arrow || !this.isOn || !this.current) return false;
    const { index, nth } = this.current;
    const { place, size } = this.viewer;
    const step = Math.max(1, Math.round(STEP / place.scale));
    const [dx, dy] = arrow.map((sign) => sign * step);
    const box = this.boxOf(index, nth);
    const [x0, y0, x1, y1] = box;
    const next = event.shiftKey ? inside([x0, y0, Math.max(x0 + 1, x1 + dx), Math.max(y0 + 1, y1 + dy)], size) : moved(box, dx, dy, size);
    this.onedit(index, nth, next, event.shiftKey ? "keys-size" : "keys-place");
    return true;
  }
}
