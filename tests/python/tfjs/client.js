// Builds, loads, trains and saves models with @tensorflow/tfjs on its CPU backend, for the tests.
//
//   node client.js <folder with node_modules> <jobs.json> <results.json>
//
// A job: {model: {layers, shapes} | {graph} | {folder}, inputs, targets?, compile?, before?, save?, shards?, after?}.
// The model is built (its weights set to fixed random numbers) or loaded, compiled, trained `before` steps, saved, asked
// for a prediction (`outputs`), trained `after` steps, and asked again (`later`). An exception becomes {error}.
// The job {ask: 'registry'} lists the classes that files may name.
const fs = require('fs');
const path = require('path');

const [root, jobsFile, resultsFile] = process.argv.slice(2);
const library = path.join(path.resolve(root), 'node_modules', '@tensorflow', 'tfjs');
for (const name of ['log', 'warn', 'info']) console[name] = () => {};  // "Hi, looks like you are running TensorFlow.js"
const tf = require(library);
const graphs = require('./graphs.js')(tf);

// Numbers that are the same for each run and platform (a linear congruential generator).
function numbers(seed, count) {
  const values = new Float32Array(count);
  let state = (seed * 7919 + 12345) >>> 0;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 32 - 0.5;
  }
  return values;
}

function setWeights(model) {
  const weights = model.weights.map((w, i) => {
    const values = numbers(i + 1, w.shape.reduce((a, b) => a * b, 1));
    // A variance is positive.
    return tf.tensor(w.originalName.includes('variance') ? values.map(v => v + 1) : values, w.shape);
  });
  // `setWeights` wants the order of `model.weights`, which is this.
  model.setWeights(weights);
}

function chain({layers, shapes}) {
  const L = tf.layers;
  const made = new Function('tf', 'L', ...Object.keys(L), `return [${layers}];`)(tf, L, ...Object.values(L));
  if (shapes.length === 1) {
    made[0].batchInputShape = [null, ...shapes[0]];  // as the option `inputShape` sets it
    return tf.sequential({layers: made});
  }
  const inputs = shapes.map(shape => tf.input({shape}));
  return tf.model({inputs, outputs: made.reduce((x, layer) => layer.apply(x), inputs)});
}

function build(description) {
  const model = description.graph ? graphs[description.graph]() : chain(description);
  setWeights(model);
  return model;
}

function load(folder) {
  const file = path.join(folder, 'model.json');
  return tf.loadLayersModel({load: async () => {
    const artifacts = JSON.parse(fs.readFileSync(file));
    const specs = [], parts = [];
    for (const group of artifacts.weightsManifest) {
      specs.push(...group.weights);
      for (const name of group.paths) parts.push(fs.readFileSync(path.join(folder, name)));
    }
    const bytes = Buffer.concat(parts);
    const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    return {...artifacts, weightSpecs: specs, weightData};
  }});
}

function save(model, folder, shards) {
  return model.save({save: async a => {
    fs.mkdirSync(folder, {recursive: true});
    const bytes = Buffer.from(a.weightData), size = Math.ceil(bytes.length / (shards || 1)), paths = [];
    for (let i = 0; i < (shards || 1); i++) {
      paths.push(shards ? `group1-shard${i + 1}of${shards}.bin` : './weights.bin');
      fs.writeFileSync(path.join(folder, paths[i]), bytes.subarray(i * size, (i + 1) * size));
    }
    const {weightData, weightSpecs, ...rest} = a;
    fs.writeFileSync(path.join(folder, 'model.json'),
                     JSON.stringify({...rest, weightsManifest: [{paths, weights: weightSpecs}]}));
    return {modelArtifactsInfo: {dateSaved: new Date(), modelTopologyType: 'JSON'}};
  }}, {includeOptimizer: true});
}

const tensor = x => tf.tensor(x.data, x.shape, x.dtype);
const single = list => list.length === 1 ? list[0] : list;
const plain = tensors => [].concat(tensors).map(t => ({shape: t.shape, data: Array.from(t.dataSync(), String)}));

async function run(job) {
  if (job.ask) return {classes: Object.keys(tf.serialization.SerializationMap.getMap().classNameMap)};
  const model = job.model.folder ? await load(job.model.folder) : build(job.model);
  if (job.compile) {
    const [kind, ...options] = job.compile.optimizer;
    model.compile({...job.compile, optimizer: tf.train[kind](...options)});
  }
  const inputs = single(job.inputs.map(tensor));
  const targets = job.targets && single(job.targets.map(tensor));
  const train = steps => model.fit(inputs, targets,
      {epochs: steps, batchSize: job.inputs[0].shape[0], shuffle: false, verbose: 0});
  const result = {};
  if (job.before) await train(job.before);
  if (job.save) await save(model, job.save, job.shards);
  result.outputs = plain(model.predict(inputs));
  if (job.after) {
    await train(job.after);
    result.later = plain(model.predict(inputs));
  }
  model.dispose();
  return result;
}

(async () => {
  await tf.setBackend('cpu');
  const results = {};
  for (const [name, job] of Object.entries(JSON.parse(fs.readFileSync(jobsFile)))) {
    try {
      results[name] = await run(job);
    } catch (error) {
      results[name] = {error: String(error && error.message || error)};
    }
  }
  fs.writeFileSync(resultsFile, JSON.stringify({version: tf.version.tfjs, results}));
})();
