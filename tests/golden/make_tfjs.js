// Writes the models in tests/golden/tfjs: trained and saved by TensorFlow.js 4.22.0, with inputs, predictions when
// saved (p) and after three further steps (q).
//
//   npm install @tensorflow/tfjs@4.22.0 && node make_tfjs.js <folder>
const fs = require('fs');
const tf = require('@tensorflow/tfjs');

const L = tf.layers;
const models = {
  conv: () => tf.sequential({layers: [
    L.conv2d({filters: 3, kernelSize: 3, inputShape: [8, 8, 3], activation: 'relu'}), L.batchNormalization(),
    L.separableConv2d({filters: 2, kernelSize: 2}), L.depthwiseConv2d({kernelSize: 2}), L.flatten(),
    L.dropout({rate: 0}), L.dense({units: 2})]}),
  rnn: () => tf.sequential({layers: [
    L.bidirectional({layer: L.lstm({units: 2, returnSequences: true}), inputShape: [5, 3], mergeMode: 'concat'}),
    L.timeDistributed({layer: L.dense({units: 3})}), L.gru({units: 3, returnSequences: true}),
    L.rnn({cell: [L.lstmCell({units: 2}), L.gruCell({units: 2})]}), L.dense({units: 2})]}),
  fun: () => {
    const a = tf.input({shape: [4]}), b = tf.input({shape: [4]});
    const shared = L.dense({units: 3, activation: 'hardSigmoid'});
    const inner = tf.sequential({layers: [L.dense({units: 3, inputShape: [3]}), L.prelu()]});
    const s = inner.apply(L.add().apply([shared.apply(a), shared.apply(b)]));
    const both = L.concatenate().apply([s, L.reshape({targetShape: [4]}).apply(a)]);
    return tf.model({inputs: [a, b], outputs: L.dense({units: 2}).apply(both)});
  },
  emb: () => tf.sequential({layers: [
    L.embedding({inputDim: 5, outputDim: 3, inputLength: 4, maskZero: true}), L.lstm({units: 2}),
    L.leakyReLU({alpha: 1}), L.dense({units: 2})]}),
};
const shapes = {conv: [[6, 8, 8, 3]], rnn: [[6, 5, 3]], fun: [[6, 4], [6, 4]], emb: [[6, 4]]};
const optimizers = {
  momentum: () => tf.train.momentum(0.05, 0.9), adam: () => tf.train.adam(0.01),
  adagrad: () => tf.train.adagrad(0.05), rmsprop: () => tf.train.rmsprop(0.01),
};

async function make(name, optimizer, folder) {
  const model = models[name]();
  model.compile({optimizer: optimizers[optimizer](), loss: 'meanSquaredError', metrics: ['mae']});
  const xs = shapes[name].map(
      s => name === 'emb' ? tf.floor(tf.randomUniform(s, 0, 5)).toInt() : tf.randomNormal(s));
  const x = xs.length > 1 ? xs : xs[0], y = tf.randomNormal([6, 2]);
  const steps = n => model.fit(x, y, {epochs: n, batchSize: 6, shuffle: false, verbose: 0});
  await steps(2);
  fs.mkdirSync(folder, {recursive: true});
  const save = async a => {
    fs.writeFileSync(folder + '/weights.bin', Buffer.from(a.weightData));
    fs.writeFileSync(folder + '/model.json', JSON.stringify({
      modelTopology: a.modelTopology, format: a.format, generatedBy: a.generatedBy, convertedBy: a.convertedBy,
      trainingConfig: a.trainingConfig, weightsManifest: [{paths: ['./weights.bin'], weights: a.weightSpecs}]}));
    return {modelArtifactsInfo: {}};
  };
  await model.save({save}, {includeOptimizer: true});
  const numbers = t => Array.from(t.dataSync());
  const p = numbers(model.predict(x));
  await steps(3);
  fs.writeFileSync(folder + '/io.json', JSON.stringify({
    xs: xs.map(t => ({s: t.shape, v: numbers(t), d: t.dtype})), y: numbers(y), p, q: numbers(model.predict(x))}));
}

(async () => {
  for (const [name, optimizer] of [['conv', 'momentum'], ['rnn', 'adam'], ['fun', 'adagrad'], ['emb', 'rmsprop']])
    await make(name, optimizer, `${process.argv[2]}/${name}_${optimizer}`);
})();
