/* Stands in for libze_loader.so.1. It has the drivers and devices of the file $LEVEL_ZERO_DEVICES,
   in lines `driver` and `device VENDOR VERSION`, and goes wrong as $LEVEL_ZERO_FAULT says.
   Layouts are those of ze_api.h. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { uint32_t stype; void *next; uint32_t version; } ip_version;
typedef struct { uint32_t stype; void *next; uint32_t type, vendor; char rest[344]; } properties;
typedef struct { uint32_t vendor, version; } device;
typedef struct { uint32_t count; device devices[8]; } driver;

static driver drivers[8];
static uint32_t driver_count, ready;

static int fault(const char *name) {
    const char *wanted = getenv("LEVEL_ZERO_FAULT");
    return wanted && !strcmp(wanted, name);
}

uint32_t zeInit(uint32_t flags) {
    char line[256];
    FILE *file = fopen(getenv("LEVEL_ZERO_DEVICES"), "r");
    puts("[0]");
    if (fault("hang")) sleep(600);
    if (fault("crash")) abort();
    if (fault("init") || flags != 1 || getenv("ZE_AFFINITY_MASK") || !file) return 0x78000001;
    while (fgets(line, sizeof line, file)) {
        device d;
        if (!strcmp(line, "driver\n")) driver_count++;
        else if (sscanf(line, "device %x %x", &d.vendor, &d.version) == 2)
            drivers[driver_count - 1].devices[drivers[driver_count - 1].count++] = d;
    }
    ready = 1;
    return 0;
}

static uint32_t list(uint32_t *count, void **found, char *first, size_t size, uint32_t all) {
    if (!ready || !count) return 0x78000004;
    for (uint32_t i = 0; found && i < all && i < *count; i++) found[i] = first + i * size;
    *count = all;
    return 0;
}

uint32_t zeDriverGet(uint32_t *count, void **found) {
    return list(count, found, (char *)drivers, sizeof(driver), driver_count);
}

uint32_t zeDeviceGet(driver *parent, uint32_t *count, void **found) {
    return list(count, found, (char *)parent->devices, sizeof(device), parent->count);
}

uint32_t zeDeviceGetProperties(device *one, properties *out) {
    ip_version *extension = out->next;
    if (out->stype != 0x3 || !extension || extension->stype != 0x1000f) return 0x78000004;
    if (fault("properties")) return 0x70000001;
    out->vendor = one->vendor;
    memset(out->rest, 0xff, sizeof out->rest);
    extension->version = one->version;
    return 0;
}
