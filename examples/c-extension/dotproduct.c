/* dotproduct.milliseconds(): how long the product of two vectors of integers takes here. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <time.h>

enum { LENGTH = 4096, TIMES = 2000 };
static int one[LENGTH], two[LENGTH];

/* Of its own, so that the disassembler shows it. */
__attribute__((noinline)) static int dot(const int *a, const int *b) {
    int sum = 0;
    for (int i = 0; i < LENGTH; i++)
        sum += a[i] * b[i];
    return sum;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * time.tv_sec + 1e-6 * time.tv_nsec;
}

static PyObject *milliseconds(PyObject *self, PyObject *none) {
    volatile int sum = 0;
    double begin = now();
    for (int i = 0; i < TIMES; i++) {
        one[i % LENGTH] = i;
        sum += dot(one, two);
    }
    return PyFloat_FromDouble(now() - begin);
}

static PyMethodDef methods[] = {
    {"milliseconds", milliseconds, METH_NOARGS, "Time of 2000 products of 4096 integers."}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "dotproduct", NULL, -1, methods};

PyMODINIT_FUNC PyInit_dotproduct(void) {
    for (int i = 0; i < LENGTH; i++)
        one[i] = two[i] = i;
    return PyModule_Create(&module);
}
