#define PY_SSIZE_T_CLEAN
#include <Python.h>
#ifdef WITH_MPI
#include <mpi.h>
#endif

static PyObject *version(PyObject *self, PyObject *none) {
#ifdef WITH_MPI
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(text, &length);
    return PyUnicode_FromStringAndSize(text, length);
#else
    return PyUnicode_FromString("no MPI");
#endif
}

static PyMethodDef methods[] = {
    {"version", version, METH_NOARGS, "What the MPI library says of itself."}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_mpi", NULL, -1, methods};

PyMODINIT_FUNC PyInit__mpi(void) { return PyModule_Create(&module); }
