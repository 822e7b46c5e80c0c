from setuptools import Extension, setup

setup(ext_modules=[Extension("dotproduct", ["dotproduct.c"])])
