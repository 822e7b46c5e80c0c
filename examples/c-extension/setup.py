from setuptools import Extension, setup

# -O3 lets the compiler use whatever registers CFLAGS allow.
setup(ext_modules=[Extension("dotproduct", ["dotproduct.c"], extra_compile_args=["-O3"])])
