import * as tf from '@tensorflow/tfjs-core';
import type { NetworkName, Parameter } from './parameters.js';

/** The tensors of all parameters by name. */
export type Weights = ReadonlyMap<string, tf.Tensor>;

/** One tensor per parameter, to be disposed of by the caller's tidy. */
export function toTensors(list: readonly Parameter[], values: Float32Array): tf.Tensor[] {
  return list.map(({ shape, offset, size }) => tf.tensor(values.slice(offset, offset + size), [...shape]));
}

/** [services, rows, inputs] → [services, rows, outputs]: the networks of all services in one batched product a layer. */
export function stackedNetwork(network: NetworkName, input: tf.Tensor, weights: Weights): tf.Tensor {
  let value = input;
  for (let layer = 0; layer < 3; layer++) {
    const weight = weights.get(`${network}.weight${layer}`) as tf.Tensor;
    const bias = weights.get(`${network}.bias${layer}`) as tf.Tensor;
    value = tf.add(tf.matMul(value, weight), bias);
    if (layer < 2) value = tf.relu(value);
  }
  return value;
}
