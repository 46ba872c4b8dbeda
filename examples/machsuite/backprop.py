"""One epoch of training a network of three layers, a sample at a time.

After each sample every matrix of weights and every vector of biases is divided by its norm. The forward
pass reads the weights of the first and the last layer as [out][in], the update as [in][out], as in the suite.
"""

import tracealloc as ta
from tracealloc import grid, kernel

LEARNING_RATE = 0.01


def forward(weights, biases, inputs, outputs, slopes, n_in, n_out):
    """A layer with the logistic function; `slopes` is a (1 - a) of what goes into it."""
    for o in ta.range(n_out):
        outputs[o] = 0
        for i in ta.range(n_in):
            outputs[o] += weights[o * n_in + i] * inputs(i)
        outputs[o] += biases[o]
    for o in ta.range(n_out):
        slopes[o] = outputs[o] * (1.0 - outputs[o])
        outputs[o] = 1.0 / (1.0 + ta.exp(-outputs[o]))


def backward(weights, errors, slopes, result, n_in, n_out):
    """The errors of the layer's inputs from those of its outputs."""
    for i in ta.range(n_in):
        result[i] = 0
        for o in ta.range(n_out):
            result[i] += errors[o] * weights[i * n_out + o]
        result[i] *= slopes[i]


def update(weights, biases, inputs, errors, n_in, n_out, dtype):
    """A step down the gradient, then division by the norms."""
    norm = ta.scalar(dtype, 0)
    bias_norm = ta.scalar(dtype, 0)
    for i, o in grid(n_in, n_out):
        weights[i * n_out + o] -= inputs(i) * errors[o] * LEARNING_RATE
        norm += weights[i * n_out + o] * weights[i * n_out + o]
    for o in ta.range(n_out):
        biases[o] -= errors[o] * LEARNING_RATE
        bias_norm += biases[o] * biases[o]
    norm.set(ta.sqrt(norm))
    bias_norm.set(ta.sqrt(bias_norm))
    for i, o in grid(n_in, n_out):
        weights[i * n_out + o] /= norm
    for o in ta.range(n_out):
        biases[o] /= bias_norm


def make(*, input_dimension=13, nodes_per_layer=64, possible_outputs=3, training_sets=163, dtype=ta.float64):
    I, H, O = input_dimension, nodes_per_layer, possible_outputs

    @kernel
    def backprop(
        weights1: dtype[I * H],
        weights2: dtype[H * H],
        weights3: dtype[H * O],
        biases1: dtype[H],
        biases2: dtype[H],
        biases3: dtype[O],
        training_data: dtype[training_sets * I],
        training_targets: dtype[training_sets * O],
    ):
        out1 = ta.empty(H, dtype)
        slopes1 = ta.empty(H, dtype)
        errors1 = ta.empty(H, dtype)
        out2 = ta.empty(H, dtype)
        slopes2 = ta.empty(H, dtype)
        errors2 = ta.empty(H, dtype)
        out3 = ta.empty(O, dtype)
        slopes3 = ta.empty(O, dtype)
        errors3 = ta.empty(O, dtype)
        for s in ta.range(training_sets):

            def sample(i, s=s):
                return training_data[s * I + i]

            forward(weights1, biases1, sample, out1, slopes1, I, H)
            forward(weights2, biases2, lambda i: out1[i], out2, slopes2, H, H)
            forward(weights3, biases3, lambda i: out2[i], out3, slopes3, H, O)

            total = ta.scalar(dtype, 0)
            for o in ta.range(O):
                total += ta.exp(-out3[o])
            for o in ta.range(O):
                guess = ta.exp(-out3[o]) / total
                errors3[o] = -(guess - training_targets[s * O + o]) * slopes3[o]

            backward(weights3, errors3, slopes2, errors2, H, O)
            backward(weights2, errors2, slopes1, errors1, H, H)
            update(weights1, biases1, sample, errors1, I, H, dtype)
            update(weights2, biases2, lambda i: out1[i], errors2, H, H, dtype)
            update(weights3, biases3, lambda i: out2[i], errors3, H, O, dtype)

    return backprop
