// The models of graphs.py, as TensorFlow.js builds them.
module.exports = tf => {
  const L = tf.layers;
  const model = (inputs, outputs) => tf.model({inputs, outputs});
  return {
    branches() {
      const x = tf.input({shape: [4]});
      const left = L.dense({units: 3, activation: 'relu', name: 'left'}).apply(x);
      const right = L.dense({units: 3, activation: 'sigmoid', name: 'right'}).apply(x);
      return model(x, L.dense({units: 2}).apply(L.concatenate().apply([left, L.add().apply([left, right])])));
    },
    shared_layer() {
      const a = tf.input({shape: [4]}), b = tf.input({shape: [4]});
      const shared = L.dense({units: 3, activation: 'tanh'});
      const twice = L.dense({units: 3});
      const sum = L.add().apply([shared.apply(a), shared.apply(b)]);
      return model([a, b], twice.apply(twice.apply(sum)));
    },
    many_outputs() {
      const x = tf.input({shape: [5], name: 'signal'});
      const hidden = L.dense({units: 4, activation: 'elu'}).apply(x);
      return model(x, [L.dense({units: 2, name: 'first'}).apply(hidden), L.dense({units: 3, name: 'second'}).apply(x)]);
    },
    nested() {
      const inner = tf.sequential({name: 'inner', layers: [
        L.dense({units: 3, inputShape: [4], name: 'd1'}), L.batchNormalization({name: 'norm'}), L.prelu({name: 'act'})]});
      const a = tf.input({shape: [3]});
      const head = tf.model({name: 'head', inputs: a, outputs: L.dense({units: 2, name: 'd2'}).apply(a)});
      const x = tf.input({shape: [4]}), y = tf.input({shape: [4]});
      return model([x, y], L.multiply().apply([head.apply(inner.apply(x)), head.apply(inner.apply(y))]));
    },
    sequential_of_models() {
      const inner = tf.sequential({layers: [L.dense({units: 3, inputShape: [4]}), L.leakyReLU({alpha: 0.2})]});
      return tf.sequential({layers: [inner, L.dense({units: 2})]});
    },
    initial_state() {
      const x = tf.input({shape: [5, 3]}), h = tf.input({shape: [4]}), c = tf.input({shape: [4]});
      return model([x, h, c], L.lstm({units: 4, returnSequences: true}).apply(x, {initialState: [h, c]}));
    },
    encoder_decoder() {
      const x = tf.input({shape: [5, 3]}), y = tf.input({shape: [4, 2]});
      const [, ...state] = L.lstm({units: 3, returnState: true}).apply(x);
      const out = L.lstm({units: 3, returnSequences: true}).apply(y, {initialState: state});
      return model([x, y], L.timeDistributed({layer: L.dense({units: 2})}).apply(out));
    },
    frozen() {
      const m = tf.sequential({layers: [
        L.dense({units: 4, inputShape: [3], trainable: false}), L.batchNormalization(), L.dense({units: 2})]});
      return m;
    },
    odd_names() {
      const x = tf.input({shape: [4], name: 'Input.1'});
      const y = L.dense({units: 3, name: 'block/Conv-1'}).apply(x);
      return model(x, L.dense({units: 2, name: 'block/out.2'}).apply(y));
    },
    stateful() {
      return tf.sequential({layers: [
        L.lstm({units: 2, stateful: true, batchInputShape: [3, 5, 3], recurrentActivation: 'sigmoid'}),
        L.dense({units: 2})]});
    },
    whole_numbers() {
      const x = tf.input({shape: [4], dtype: 'int32', name: 'words'});
      const y = L.embedding({inputDim: 6, outputDim: 3, name: 'table'}).apply(x);
      return model(x, L.dense({units: 2}).apply(L.flatten().apply(y)));
    },
    residual() {
      const x = tf.input({shape: [8, 8, 3]});
      const conv = (filters, name) => L.conv2d({filters, kernelSize: 3, padding: 'same', useBias: false, name});
      let y = L.activation({activation: 'relu'}).apply(L.batchNormalization().apply(conv(4, 'a').apply(x)));
      y = L.add().apply([conv(3, 'b').apply(y), x]);
      return model(x, L.dense({units: 2, activation: 'softmax'}).apply(L.globalAveragePooling2d({}).apply(y)));
    },
  };
};
