import * as tf from '@tensorflow/tfjs-core';

type Gradient = (
  dy: tf.Tensor,
  saved: readonly tf.Tensor[],
  attributes: Readonly<Record<string, unknown>>,
) => Record<string, () => tf.Tensor>;

/**
 * Derivatives of exactly the operations the loss is made of. The library's own list of them ships as modules that
 * Node cannot import, and its matrix product's is slow on WebAssembly, whose kernel transposes badly.
 */
export function registerGradients(): void {
  binary('Add', (dy) => [() => dy, () => dy]);
  binary('Sub', (dy) => [() => dy, () => tf.neg(dy)]);
  binary('Multiply', (dy, a, b) => [() => tf.mul(dy, b), () => tf.mul(dy, a)]);
  binary('RealDiv', (dy, a, b) => [() => tf.div(dy, b), () => tf.neg(tf.div(tf.mul(dy, a), tf.square(b)))]);
  register('BatchMatMul', ['a', 'b'], [], (dy, [x, y]) => ({
    a: () => tf.matMul(dy, swap(y as tf.Tensor)),
    b: () => tf.matMul(swap(x as tf.Tensor), dy),
  }));
  unary('Relu', (dy, x) => tf.mul(dy, tf.cast(tf.greater(x, 0), 'float32')));
  unary('Softplus', (dy, x) => tf.mul(dy, tf.sigmoid(x)));
  unary('Log', (dy, x) => tf.div(dy, x));
  unary('Square', (dy, x) => tf.mul(dy, tf.mul(x, 2)));
  unary('Sqrt', (dy, x) => tf.div(dy, tf.mul(tf.sqrt(x), 2)));
  unary('Neg', (dy) => tf.neg(dy));
  unary('Cast', (dy) => dy);
  unary('Reshape', (dy, x) => tf.reshape(dy, x.shape));
  register('Exp', [], [true], (dy, [y]) => ({ x: () => tf.mul(dy, y as tf.Tensor) }));
  register('Tanh', [], [true], (dy, [y]) => ({ x: () => tf.mul(dy, tf.sub(1, tf.square(y as tf.Tensor))) }));
  register('Transpose', [], [], (dy, _, { perm }) => ({
    x: () =>
      tf.transpose(
        dy,
        (perm as number[]).map((_axis, i) => (perm as number[]).indexOf(i)),
      ),
  }));
  register('Sum', ['x'], [], (dy, [x], { axis }) => ({
    x: () => {
      const from = x as tf.Tensor;
      const all = from.shape.map((_, i) => i);
      const axes = axis === undefined || axis === null ? all : [axis as number | number[]].flat();
      const kept = from.shape.map((extent, i) => (axes.includes(i) ? 1 : extent));
      return tf.mul(tf.reshape(dy, kept), tf.ones(from.shape));
    },
  }));
  register('Tile', ['x'], [], (dy, [x], { reps }) => ({
    x: () => {
      const from = x as tf.Tensor;
      const shape = from.shape.flatMap((extent, i) => [(reps as number[])[i] ?? 1, extent]);
      return tf.sum(
        tf.reshape(dy, shape),
        from.shape.map((_, i) => 2 * i),
      );
    },
  }));
  register('Slice', ['x'], [], (dy, [x], { begin, size }) => ({
    x: () => {
      const { shape } = x as tf.Tensor;
      const room = shape.map((extent, i): [number, number] => {
        const start = (begin as number[])[i] ?? 0;
        return [start, extent - start - (dy.shape[i] ?? (size as number[])[i] ?? 0)];
      });
      return tf.pad(dy, room);
    },
  }));
  tf.registerGradient({
    kernelName: 'SplitV',
    gradFunc: (dy, _saved, attributes) => ({
      x: () => tf.concat(dy as tf.Tensor[], attributes.axis as number),
    }),
  });
  tf.registerGradient({
    kernelName: 'Concat',
    saveAllInputs: true,
    gradFunc: (dy, saved, attributes) => {
      const axis = attributes.axis as number;
      const parts = tf.split(
        dy as tf.Tensor,
        saved.map((part) => part.shape[axis] as number),
        axis,
      );
      return Object.fromEntries(parts.map((part, i) => [i, () => part]));
    },
  });
}

function register(
  kernelName: string,
  inputsToSave: string[],
  outputsToSave: boolean[],
  gradient: Gradient,
): void {
  tf.registerGradient({
    kernelName,
    inputsToSave,
    outputsToSave,
    gradFunc: (dy, saved, attributes) => gradient(dy as tf.Tensor, saved, attributes),
  });
}

function unary(kernelName: string, gradient: (dy: tf.Tensor, x: tf.Tensor) => tf.Tensor): void {
  register(kernelName, ['x'], [], (dy, [x]) => ({ x: () => gradient(dy, x as tf.Tensor) }));
}

/** Both operands are saved whatever the formula needs: their shapes say what was broadcast. */
function binary(
  kernelName: string,
  gradient: (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => [() => tf.Tensor, () => tf.Tensor],
): void {
  register(kernelName, ['a', 'b'], [], (dy, saved) => {
    const [a, b] = saved as [tf.Tensor, tf.Tensor];
    const [da, db] = gradient(dy, a, b);
    return { a: () => unbroadcast(da(), a.shape), b: () => unbroadcast(db(), b.shape) };
  });
}

function unbroadcast(gradient: tf.Tensor, shape: number[]): tf.Tensor {
  const extra = gradient.rank - shape.length;
  const axes = gradient.shape.flatMap((extent, i) =>
    i < extra || (shape[i - extra] === 1 && extent !== 1) ? [i] : [],
  );
  return axes.length === 0 ? gradient : tf.reshape(tf.sum(gradient, axes), shape);
}

function swap(matrix: tf.Tensor): tf.Tensor {
  const axes = matrix.shape.map((_, i) => i);
  const last = axes.length - 1;
  return tf.transpose(matrix, [...axes.slice(0, -2), last, last - 1]);
}
