// Loads the model, and shows what it thinks of the drawing while it is drawn.

import {Drawing} from './drawing.js';
import {rasterize, sizes} from './raster.js';

const MODEL = 'digits-model/model/model.json';

const element = id => document.getElementById(id);
const drawing = new Drawing(element('paper'));
const rows = makeBars();
const percent = new Intl.NumberFormat('en', {style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1});
let model = null;
let size = 0;
let waiting = false;

drawing.addEventListener('change', () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    show();
  });
});
drawing.addEventListener('finish', () => announce(show()));
element('clear').addEventListener('click', () => drawing.clear());
addEventListener('keydown', event => event.key === 'Escape' && drawing.clear());
await load();

async function load() {
  try {
    if (!globalThis.tf) throw new Error('TensorFlow.js is not there. In the folder of this page, run\nnpm install');
    // For a network of this size the processor is done before a graphics card has compiled its programs.
    await tf.setBackend('cpu');
    model = await tf.loadLayersModel(MODEL).catch(error => {
      throw new Error(`There is no model (${error.message}). In the folder of this page, run\npython ../digits.py`);
    });
    size = model.inputs[0].shape[1];
    if (!sizes.includes(size)) throw new Error(`The model wants ${size} × ${size} pixels, not ${sizes.join(' or ')}.`);
    announce(show());
  } catch (error) {
    const [text, command] = error.message.split('\n');
    element('problem').replaceChildren(text, ...(command ? [codeOf(command)] : []));
    element('problem').hidden = false;
    element('verdict').textContent = '';
  }
}

function codeOf(command) {
  const code = document.createElement('code');
  code.textContent = command;
  return code;
}

/** The ten probabilities of an image. */
function predict(image) {
  return tf.tidy(() => {
    const logits = model.predict(tf.tensor4d(image, [1, size, size, 1]));
    return tf.softmax(logits).dataSync(); // the model ends in logits
  });
}

/** Shows the image and the probabilities; returns them, or null if there is nothing to judge. */
function show() {
  if (!model) return null;
  const empty = drawing.strokes.length === 0;
  const image = empty ? new Float32Array(size * size) : rasterize(drawing.strokes, size);
  showImage(image);
  const probabilities = empty ? null : predict(image);
  const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
  rows.forEach((row, digit) => {
    const share = probabilities ? probabilities[digit] : 0;
    row.className = digit === best ? 'best' : '';
    row.style.setProperty('--share', share);
    row.lastChild.textContent = probabilities ? percent.format(share) : '';
  });
  element('digit').textContent = best < 0 ? '?' : best;
  return probabilities;
}

/** Says the result, once per stroke: a screen reader would stumble over each change on the way. */
function announce(probabilities) {
  if (!model) return;
  const best = probabilities ? Math.max(...probabilities) : 0;
  element('verdict').textContent = probabilities
    ? `This looks like ${/^8/.test(probabilities.indexOf(best)) ? 'an' : 'a'} ${probabilities.indexOf(best)} (${percent.format(best)}).`
    : 'Draw a digit, large or small.';
}

function showImage(image) {
  const canvas = element('seen');
  canvas.width = canvas.height = size;
  const pixels = new ImageData(size, size);
  image.forEach((value, i) => {
    pixels.data.fill(Math.round(255 * value), 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  });
  canvas.getContext('2d').putImageData(pixels, 0, 0);
}

function makeBars() {
  return Array.from({length: 10}, (_, digit) => {
    const row = document.createElement('li');
    row.append(...['digit', 'bar', 'percent'].map(name => {
      const cell = document.createElement('span');
      cell.className = name;
      return cell;
    }));
    row.firstChild.textContent = digit;
    element('bars').append(row);
    return row;
  });
}
