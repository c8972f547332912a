// SPDX-License-Identifier: MIT
// convnet.h - a small convolutional network and its training, the same bits everywhere.
//
// Two convolutions (no padding), each with ReLU and a mean over 2 x 2; a layer of units
// with ReLU and dropout; a layer of classes, softmax and cross entropy.  Adam on batches in
// a shuffled order; weights from He et al.  All of it on worker/tensor/tape.h.
//
// Source     The networks of tfref_convnet_ss0 in Negrinho and Gordon, arXiv 1704.08792;
//            He et al., arXiv 1502.01852; Kingma and Ba, arXiv 1412.6980.
// Ownership  Everything lives in a call.
// Threads    Main thread.

#ifndef WORKER_EVALUATE_CONVNET_H
#define WORKER_EVALUATE_CONVNET_H

#include <stdbool.h>
#include <stdint.h>

struct convnet_shape {
    uint32_t side;       // of the images
    uint32_t filters[2]; // channels
    uint32_t sizes[2];   // sides of the filters
    uint32_t units, classes;
    double dropout; // share of the units that are left out
};

struct convnet_data {
    const float *images;   // [n][side][side]
    const uint8_t *labels; // [n], below classes
    uint32_t n;
};

struct convnet_training {
    uint64_t seed;
    uint32_t epochs, batch;
    double rate; // of Adam
    // (optional) Called after each batch; true: stop, the result is of no use.
    bool (*poll)(void *ctx);
    void *ctx;
};

struct convnet_score {
    double accuracy; // share of the test images
    double loss;     // mean cross entropy
};

// Do the filters fit the images?
bool convnet_fits(const struct convnet_shape *s);
uint32_t convnet_weights(const struct convnet_shape *s);
struct convnet_score convnet_run(const struct convnet_shape *s,
                                 const struct convnet_training *how,
                                 const struct convnet_data *train,
                                 const struct convnet_data *test);

#endif
