// The drawing area: a canvas that turns mouse, finger, pen and keys into strokes of points, both coordinates in [0, 1].

import {trace} from './raster.js';

const PEN = 0.075;
const STEP = 0.04;
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

export class Drawing extends EventTarget {
  /** Sends `change` after each change of the strokes, `finish` when a stroke ends or all are cleared. */
  constructor(canvas) {
    super();
    this.strokes = [];
    this.canvas = canvas;
    this.pointer = null; // the one that draws; a second finger is ignored
    this.keys = {x: 0.5, y: 0.5, shown: false, down: false};
    canvas.addEventListener('pointerdown', event => this.#begin(event));
    canvas.addEventListener('pointermove', event => this.#go(event));
    for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, event => this.#end(event));
    canvas.addEventListener('keydown', event => this.#key(event));
    canvas.addEventListener('blur', () => this.#penUp({shown: false}));
    new ResizeObserver(() => this.paint()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.paint());
  }

  clear() {
    this.strokes = [];
    this.pointer = null;
    this.keys.down = false;
    this.#tell('change', 'finish');
  }

  /** Draws the strokes as large as the canvas is shown. */
  paint() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    this.canvas.width = this.canvas.height = side;
    const context = this.canvas.getContext('2d');
    context.scale(side, side);
    context.lineWidth = PEN;
    context.lineCap = context.lineJoin = 'round';
    context.strokeStyle = getComputedStyle(this.canvas).color;
    trace(context, this.strokes);
    if (!this.keys.shown) return;
    context.beginPath();
    context.arc(this.keys.x, this.keys.y, PEN / 2, 0, 2 * Math.PI);
    context.lineWidth = 0.008;
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue('--accent');
    context.stroke();
  }

  #begin(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.keys.shown = this.keys.down = false;
    this.strokes.push([this.#place(event)]);
    this.#tell('change');
  }

  #go(event) {
    if (event.pointerId !== this.pointer) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const one of passed.length ? passed : [event]) this.strokes.at(-1).push(this.#place(one));
    this.#tell('change');
  }

  #end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.#tell('finish');
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return {x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height};
  }

  #key(event) {
    if (event.key === ' ') {
      if (this.keys.down) this.#penUp({shown: true});
      else this.#penDown();
    } else if (ARROWS[event.key]) {
      const [right, down] = ARROWS[event.key];
      const within = value => Math.min(Math.max(value, PEN / 2), 1 - PEN / 2);
      this.keys.x = within(this.keys.x + right * STEP);
      this.keys.y = within(this.keys.y + down * STEP);
      this.keys.shown = true;
      if (this.keys.down) this.strokes.at(-1).push({x: this.keys.x, y: this.keys.y});
      this.#tell('change');
    } else {
      return;
    }
    event.preventDefault(); // the page would scroll
  }

  #penDown() {
    if (this.pointer !== null) return;
    this.keys.down = this.keys.shown = true;
    this.strokes.push([{x: this.keys.x, y: this.keys.y}]);
    this.#tell('change');
  }

  #penUp({shown}) {
    const was = this.keys.down;
    Object.assign(this.keys, {down: false, shown});
    this.paint();
    if (was) this.#tell('finish');
  }

  #tell(...names) {
    this.paint();
    for (const name of names) this.dispatchEvent(new Event(name));
  }
}
