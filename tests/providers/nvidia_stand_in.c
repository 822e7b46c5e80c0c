/* A stand-in for NVIDIA's libraries, which answers what environment variables say.

   Compiled with -DNVML it is libnvidia-ml.so.1, else libcuda.so.1; with -DOLD an NVML that lacks
   what came later. The variables start with NVML_ or LIBCUDA_:

   GPUS     "9.0:80 7.5:16", compute capability and memory; "lost" is a GPU that does not answer
   CUDA     12080 is 12.8
   DRIVER   570.86.10, the version of the kernel's driver
   INIT, V2 the status of initialisation, and of asking for the CUDA version
   FAULT    what else goes wrong at initialisation; "slow": each GPU needs 0.8 seconds */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef NVML
#define PREFIX "NVML_"
#else
#define PREFIX "LIBCUDA_"
#endif

static const char *told(const char *what)
{
    char name[64];
    snprintf(name, sizeof name, PREFIX "%s", what);
    const char *text = getenv(name);
    return text ? text : "";
}

static int number(const char *what)
{
    return atoi(told(what));
}

static int has_fault(const char *fault)
{
    return strcmp(told("FAULT"), fault) == 0;
}

static int count(void)
{
    int gpus = 0;
    for (const char *text = told("GPUS"); *text; text++)
        gpus += *text != ' ' && (text[1] == ' ' || text[1] == 0);
    return gpus;
}

/* Returns 0 for a GPU that is lost or does not exist. */
static int gpu(long index, int *major, int *minor, unsigned long long *memory)
{
    const char *text = told("GPUS");
    if (index < 0 || index >= count())
        return 0;
    while (index-- > 0)
        text = strchr(text, ' ') + 1;
    return sscanf(text, "%d.%d:%llu", major, minor, memory) == 3;
}

static int start(void)
{
    if (has_fault("hang"))
        for (;;)
            pause();
    if (has_fault("crash"))
        raise(SIGSEGV);
    if (has_fault("exit"))
        exit(0);
    if (has_fault("exit after a number")) {
        puts("7");
        exit(0);
    }
    if (has_fault("noise")) {
        dprintf(1, "[1, 2] and half a line");
        printf("still in a buffer");
        dprintf(2, "to standard error\n");
    }
    return number("INIT");
}

#ifdef NVML

int nvmlInit_v2(void) { return start(); }
const char *nvmlErrorString(int status) { return status == 9 ? "Driver Not Loaded" : "Failed"; }
int nvmlSystemGetCudaDriverVersion(int *version) { *version = 12020; return 0; }

int nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    snprintf(version, length, "%s", told("DRIVER"));
    return 0;
}

#ifndef OLD
int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    *version = number("CUDA");
    return number("V2");
}
#endif

int nvmlDeviceGetCount_v2(unsigned *gpus) { *gpus = count(); return 0; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle)
{
    int major, minor;
    unsigned long long memory;
    if (has_fault("slow"))
        usleep(800 * 1000);
    *handle = (char *)0x7f0000000000 + index; /* more than 32 bits */
    return gpu(index, &major, &minor, &memory) ? 0 : 15;
}

int nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor)
{
    unsigned long long memory;
    return gpu((char *)handle - (char *)0x7f0000000000, major, minor, &memory) ? 0 : 2;
}

int nvmlDeviceGetMemoryInfo(void *handle, unsigned long long *memory)
{
    int major, minor;
    gpu((char *)handle - (char *)0x7f0000000000, &major, &minor, memory);
    return *memory ? 0 : 3;
}

#else

int cuInit(unsigned flags)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    return visible && !*visible ? 100 : start();
}

int cuGetErrorName(int status, const char **name)
{
    *name = status == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : "CUDA_ERROR_UNKNOWN";
    return 0;
}

int cuDriverGetVersion(int *version) { *version = number("CUDA"); return 0; }
int cuDeviceGetCount(int *gpus) { *gpus = count(); return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }

int cuDeviceGetAttribute(int *value, int which, int device)
{
    int major, minor;
    unsigned long long memory;
    if (!gpu(device, &major, &minor, &memory) || (which != 75 && which != 76))
        return 101;
    *value = which == 75 ? major : minor;
    return 0;
}

int cuDeviceTotalMem_v2(size_t *memory, int device)
{
    int major, minor;
    unsigned long long bytes;
    gpu(device, &major, &minor, &bytes);
    *memory = bytes;
    return 0;
}

#endif
