// From strokes to the pixels that a model was trained on. A drawing has any size, place and slant; the images of a data
// set have all been normalized in one way, and a model knows nothing else. So each data set's way is repeated here.
//
// A stroke is a list of points {x, y}, x to the right and y down, in any unit: only the shape counts.

const FORMS = {
  // The digits that scikit-learn ships (Garris et al., NIST Form-Based Handprint Recognition System): made upright, fitted into
  // 20 x 32 of 32 x 32 pixels, then counted in blocks of 4 x 4. Of their lean, three quarters are taken: that, like the pen,
  // was found by trying.
  8: {width: 5, height: 8, stretch: 1.5, upright: 0.75, middle: 'box', pen: 1.4},
  // MNIST (LeCun et al., 1998): fitted into 20 x 20 pixels, proportions kept, centre of mass in the middle of 28 x 28.
  28: {width: 20, height: 20, stretch: 1, upright: 0, middle: 'mass', pen: 2.4},
};

// Ink in a pixel is counted on this many points across and down.
const FINE = 4;
// A dot stays a dot: nothing is enlarged as if it were smaller than this share of the drawing area.
const SMALLEST = 0.15;

/**
 * The image of a drawing.
 *
 * @param strokes the drawing; at least one point
 * @param size rows and columns of the model's input, 8 or 28
 * @param area width of the drawing area, in the strokes' unit
 * @returns {Float32Array} size * size values from 0 (paper) to 1 (ink), row by row, in steps of 1/255
 */
export function rasterize(strokes, size, area = 1) {
  const form = FORMS[size];
  if (!form) throw new Error(`The model wants ${size} × ${size} pixels; known are ${Object.keys(FORMS).join(' and ')}.`);
  const fitted = fit(upright(strokes, form.upright), form, area * SMALLEST);
  const first = paint(moved(fitted, size / 2, size / 2), size, form.pen);
  if (form.middle === 'box') return first;
  const mass = centreOfMass(first, size);
  return paint(moved(fitted, size - mass.x, size - mass.y), size, form.pen);
}

export const sizes = Object.keys(FORMS).map(Number);

function transformed(strokes, change) {
  return strokes.map(stroke => stroke.map(change));
}

function moved(strokes, right, down) {
  return transformed(strokes, ({x, y}) => ({x: x + right, y: y + down}));
}

/** Sheared so that the ink leans less by that share; by all of it, x no longer goes with y. */
function upright(strokes, share) {
  let length = 0, sumX = 0, sumY = 0, sumXY = 0, sumYY = 0;
  for (const {x, y, weight} of pieces(strokes)) {
    length += weight;
    sumX += weight * x;
    sumY += weight * y;
    sumXY += weight * x * y;
    sumYY += weight * y * y;
  }
  const spread = sumYY - sumY * sumY / length;
  const lean = spread > 0 ? share * (sumXY - sumX * sumY / length) / spread : 0;
  const middle = sumY / length;
  return transformed(strokes, ({x, y}) => ({x: x - lean * (y - middle), y}));
}

/** The middles of the pieces between neighbouring points, weighted by their lengths. */
function* pieces(strokes) {
  for (const stroke of strokes) {
    for (let i = 1; i < stroke.length; ++i) {
      const a = stroke[i - 1], b = stroke[i];
      yield {x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, weight: Math.hypot(b.x - a.x, b.y - a.y)};
    }
    yield {...stroke[0], weight: 1e-9}; // a dot has no length
  }
}

/** Scaled so that the ink, with the pen's width, fills the form's box; the box's middle is at 0, 0. */
function fit(strokes, form, smallest) {
  const xs = strokes.flat().map(p => p.x), ys = strokes.flat().map(p => p.y);
  const left = Math.min(...xs), right = Math.max(...xs), top = Math.min(...ys), bottom = Math.max(...ys);
  const across = (form.width - form.pen) / Math.max(right - left, 1e-9);
  const down = (form.height - form.pen) / Math.max(bottom - top, 1e-9);
  const most = form.height / smallest;
  const scaleX = Math.min(across, down * form.stretch, most);
  const scaleY = Math.min(down, across * form.stretch, most);
  const middleX = (left + right) / 2, middleY = (top + bottom) / 2;
  return transformed(strokes, ({x, y}) => ({x: (x - middleX) * scaleX, y: (y - middleY) * scaleY}));
}

/** The share of each pixel that ink covers. */
function paint(strokes, size, pen) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size * FINE;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.scale(FINE, FINE);
  context.lineWidth = pen;
  context.lineCap = context.lineJoin = 'round';
  trace(context, strokes);
  const {data} = context.getImageData(0, 0, size * FINE, size * FINE);
  const sums = new Float64Array(size * size);
  for (let y = 0; y < size * FINE; ++y) {
    for (let x = 0; x < size * FINE; ++x) {
      const alpha = data[4 * (y * size * FINE + x) + 3];
      sums[Math.floor(y / FINE) * size + Math.floor(x / FINE)] += alpha;
    }
  }
  return Float32Array.from(sums, sum => Math.round(sum / FINE ** 2) / 255);
}

/** Draws strokes as one path, so that crossings get no darker. */
export function trace(context, strokes) {
  context.beginPath();
  for (const [first, ...rest] of strokes) {
    context.moveTo(first.x, first.y);
    context.lineTo(first.x + 1e-3, first.y); // a line of no length is not drawn
    for (const {x, y} of rest) context.lineTo(x, y);
  }
  context.stroke();
}

function centreOfMass(image, size) {
  let mass = 0, x = 0, y = 0;
  image.forEach((value, i) => {
    mass += value;
    x += value * (i % size + 0.5);
    y += value * (Math.floor(i / size) + 0.5);
  });
  return {x: x / mass, y: y / mass};
}
