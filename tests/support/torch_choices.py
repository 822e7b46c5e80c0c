"""What a machine should get from `pytorch_replica`, by hand from the facts that stand there."""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Machine (and, for others than this one, the platforms); below it what is asked for, what is taken, and
# why. `2.5.1@cpu` has no local part and is the file of that index.
#
# - A local version names a build. Of the releases that satisfy the requirement the newest that has a build
#   for this machine is taken, else the newest that has a `cpu` one, else what the user's own index has.
# - Of a release the best build: the greatest CUDA that the driver knows, then the set's order.
# - CUDA 13.x needs a driver for 13.0. A build for 12.x runs from 12.0 on, one for 11.x from 11.0 on.
# - Machine code runs on later GPUs of its generation: 5.0 on 5.2, 6.0 on 6.1, 8.0 on 8.6, 12.0 on 12.1.
#   Builds for CUDA 13 begin at 7.5, cu128 and cu129 at 7.0 and since torch 2.11 at 7.5; cu126 and older
#   ones have 5.0 to 9.0.
# - torchvision and torch are of one build.
CHOICES = """
x86_64_v3: a laptop without a GPU
  torch                              2.14.0+cpu                    the user's 2.15.0 is newer, and for CUDA
  torch==2.8.0                       2.8.0+cpu
  torch<2.6                          2.5.1+cpu
  torch torchvision                  2.14.0+cpu 0.29.0+cpu
  torch==2.11.0+cu126 torchvision    refused                       there is no driver
  torch==2.11.0 torchvision          2.11.0+cpu 0.26.0+cpu
  torchvision                        0.29.0+cpu                    beside torch 2.14.0+cpu
  vllm                               2.11.0+cpu                    it wants torch==2.11.0

cuda11.8-sm86: RTX 3060, driver 520
  torch                              2.7.1+cu118                   the last release with cu118
  torch==2.8.0                       2.8.0+cpu                     its builds need a driver for 12.0
  torch<2.6                          2.5.1+cu118
  torch torchvision                  2.7.1+cu118 0.22.1+cu118
  torch==2.11.0+cu126 torchvision    refused                       needs 12.0
  torch==2.11.0 torchvision          2.11.0+cpu 0.26.0+cpu
  torchvision                        0.29.0+cpu                    torch is there and fits
  vllm                               2.11.0+cpu

cuda12.0-sm86: RTX 3060, driver 525
  torch                              2.14.0+cu126                  runs from 12.0 on
  torch==2.8.0                       2.8.0+cu126                   cu128 and cu129 would run as well
  torch<2.6                          2.5.1+cu121                   so would cu124
  torch torchvision                  2.14.0+cu126 0.29.0+cu126
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu126 0.26.0+cu126
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu126

cuda12.4-sm86: RTX 3060, driver 550
  torch                              2.14.0+cu126
  torch==2.8.0                       2.8.0+cu126
  torch<2.6                          2.5.1+cu124                   the driver knows 12.4
  torch torchvision                  2.14.0+cu126 0.29.0+cu126
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu126 0.26.0+cu126
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu126

cuda12.8-sm86: RTX 3060, driver 570
  torch                              2.14.0+cu126                  its only build for 12.x
  torch==2.8.0                       2.8.0+cu128                   before cu126 and cu129
  torch<2.6                          2.5.1+cu124                   before cu121
  torch torchvision                  2.14.0+cu126 0.29.0+cu126
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126     not 0.26.0+cu128
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu128

cuda12.8-sm120: RTX 5090, driver 570
  torch                              2.13.0+cu129                  2.14.0 has 12.0 for CUDA 13 only
  torch==2.8.0                       2.8.0+cu128
  torch<2.6                          2.5.1+cpu                     no build has code for it
  torch torchvision                  2.13.0+cu129 0.28.0+cu129
  torch==2.11.0+cu126 torchvision    refused                       no code for 12.0
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu128

cuda13.0-sm52: GTX 980, driver 580
  torch                              2.14.0+cu126                  cu130 has no code for it
  torch==2.8.0                       2.8.0+cu126                   nor have cu128 and cu129
  torch<2.6                          2.5.1+cu124
  torch torchvision                  2.14.0+cu126 0.29.0+cu126
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu126 0.26.0+cu126
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu126

cuda13.0-sm61: GTX 1080, driver 580
  torch                              2.14.0+cu126
  torch==2.8.0                       2.8.0+cu126
  torch<2.6                          2.5.1+cu124
  torch torchvision                  2.14.0+cu126 0.29.0+cu126
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu126 0.26.0+cu126
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu126

cuda13.0-sm70: V100, driver 580
  torch                              2.14.0+cu126                  cu130 has no code for it
  torch==2.8.0                       2.8.0+cu129                   7.0 is in it until 2.10
  torch<2.6                          2.5.1+cu124
  torch torchvision                  2.14.0+cu126 0.29.0+cu126
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu126 0.26.0+cu126     cu128 and cu129 lost 7.0
  torchvision==0.28.0                2.13.0+cu126 0.28.0+cu126     torch 2.13.0+cu129 has no 7.0
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu126

cuda13.0-sm75: T4, driver 580
  torch                              2.14.0+cu130
  torch==2.8.0                       2.8.0+cu129
  torch<2.6                          2.5.1+cu124
  torch torchvision                  2.14.0+cu130 0.29.0+cu130
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128     cu130 and cu129 lack 0.26.0
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu130

cuda13.0-sm86: RTX 3060, driver 580
  torch                              2.14.0+cu130                  cu132 runs from 13.0 on, but is behind
  torch==2.8.0                       2.8.0+cu129                   13.0 includes 12.9
  torch<2.6                          2.5.1+cu124
  torch torchvision                  2.14.0+cu130 0.29.0+cu130
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126     asked for: obeyed
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128     cu130 and cu129 lack 0.26.0
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu130

cuda13.2-sm86: RTX 3060, driver 595
  torch                              2.14.0+cu132                  the driver knows 13.2
  torch==2.8.0                       2.8.0+cu129
  torch torchvision                  2.14.0+cu132 0.29.0+cu132
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128
  vllm                               2.11.0+cu130

cuda13.0-sm90: H100, driver 580
  torch                              2.14.0+cu130
  torch==2.8.0                       2.8.0+cu129
  torch<2.6                          2.5.1+cu124
  torch torchvision                  2.14.0+cu130 0.29.0+cu130
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu130

cuda13.0-sm120: RTX 5090, driver 580
  torch                              2.14.0+cu130
  torch==2.8.0                       2.8.0+cu129
  torch<2.6                          2.5.1+cpu                     no build has code for it
  torch torchvision                  2.14.0+cu130 0.29.0+cu130
  torch==2.11.0+cu126 torchvision    refused                       no code for 12.0
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu130

cuda13.0-sm90-sm61: H100 and GTX 1080, driver 580
  torch                              2.14.0+cu130                  one of the GPUs runs it
  torch==2.8.0                       2.8.0+cu129
  torch<2.6                          2.5.1+cu124
  torch torchvision                  2.14.0+cu130 0.29.0+cu130
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu130

cuda13.0-sm61-sm120: Tesla P40 (more memory) and RTX 5080, driver 580
  torch                              2.14.0+cu130                  CUDA decides before the GPU's order
  torch==2.8.0                       2.8.0+cu129
  torch<2.6                          2.5.1+cu124                   the P40 runs it
  torch torchvision                  2.14.0+cu130 0.29.0+cu130
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126     the P40 runs it
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+cu130

gfx942: MI300
  torch                              2.14.0+rocm7.2
  torch==2.8.0                       2.8.0+rocm6.4                 before rocm6.3
  torch<2.6                          2.5.1+rocm6.2                 before rocm6.1
  torch torchvision                  2.14.0+rocm7.2 0.29.0+rocm7.2
  torch==2.11.0+cu126 torchvision    refused
  torch==2.11.0 torchvision          2.11.0+rocm7.2 0.26.0+rocm7.2
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+rocm7.2

gfx1100: RX 7900 XTX
  torch                              2.14.0+rocm7.2
  torch==2.8.0                       2.8.0+rocm6.4
  torch<2.6                          2.5.1+rocm6.2
  torch torchvision                  2.14.0+rocm7.2 0.29.0+rocm7.2
  torch==2.11.0+cu126 torchvision    refused
  torch==2.11.0 torchvision          2.11.0+rocm7.2 0.26.0+rocm7.2
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+rocm7.2

gfx1201: RX 9070
  torch                              2.14.0+rocm7.2
  torch==2.8.0                       2.8.0+rocm6.4
  torch<2.6                          2.5.1+cpu                     ROCm 6.2 has no code for it
  torch torchvision                  2.14.0+rocm7.2 0.29.0+rocm7.2

gfx803: RX 580
  torch                              2.14.0+cpu                    no build has code for it
  torch torchvision                  2.14.0+cpu 0.29.0+cpu

ip20.1.0: Arc B580
  torch                              2.14.0+xpu
  torch==2.8.0                       2.8.0+xpu
  torch<2.6                          2.5.1+cpu                     2.5.1 has no build for Intel
  torch torchvision                  2.14.0+xpu 0.29.0+xpu
  torch==2.11.0+cu126 torchvision    refused
  torch==2.11.0 torchvision          2.11.0+xpu 0.26.0+xpu
  torchvision                        0.29.0+cpu
  vllm                               2.11.0+xpu

aarch64_8.2a on manylinux_2_28_aarch64 linux_aarch64: Graviton
  torch                              2.14.0+cpu
  torch==2.8.0                       2.8.0+cpu
  torch<2.6                          2.5.1@cpu                     of that time, no local part
  torch torchvision                  2.14.0+cpu 0.29.0+cpu
  torch==2.8.0 torchvision           2.8.0+cpu 0.23.0@cpu
  torch==2.11.0+cu126 torchvision    refused
  torch==2.11.0 torchvision          2.11.0+cpu 0.26.0+cpu
  vllm                               2.11.0+cpu

cuda12.4-sm90 on manylinux_2_28_aarch64 linux_aarch64: GH200, driver 550
  torch                              2.14.0+cu126
  torch==2.8.0                       2.8.0+cu129                   its only build for Arm, runs from 12.0 on
  torch<2.6                          2.5.1@cu124                   not that of cpu, whose tag is better
  torch torchvision                  2.14.0+cu126 0.29.0+cu126
  torch==2.8.0 torchvision           2.8.0+cu129 0.23.0@cu129
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu126 0.26.0+cu126
  vllm                               2.11.0+cu126

cuda13.0-sm121 on manylinux_2_28_aarch64 linux_aarch64: DGX Spark
  torch                              2.14.0+cu130                  code for 12.0
  torch==2.8.0                       2.8.0+cu129
  torch<2.6                          2.5.1@cpu                     cu124 has no code for it
  torch torchvision                  2.14.0+cu130 0.29.0+cu130
  torch==2.11.0+cu126 torchvision    refused                       no code for 12.x
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128     cu130 lacks 0.26.0
  vllm                               2.11.0+cu130

cuda13.0-sm75 on manylinux_2_28_aarch64 linux_aarch64: Ampere Altra and T4
  torch                              2.14.0+cpu                    builds for Arm begin at 8.0
  torch torchvision                  2.14.0+cpu 0.29.0+cpu

- on macosx_11_0_arm64: a Mac
  torch                              2.14.0@cpu                    macOS never had a local part
  torch==2.8.0                       2.8.0@cpu
  torch<2.6                          2.5.1@cpu
  torch torchvision                  2.14.0@cpu 0.29.0@cpu
  torch==2.11.0+cu126 torchvision    refused                       there is no such file
  torch==2.11.0 torchvision          2.11.0@cpu 0.26.0@cpu
  vllm                               2.11.0@cpu

cuda13.0-sm86 on win_amd64: Windows, RTX 3060, driver 580
  torch                              2.14.0+cu130
  torch==2.8.0                       2.8.0+cu129
  torch<2.6                          2.5.1+cu124
  torch torchvision                  2.14.0+cu130 0.29.0+cu130
  torch==2.11.0+cu126 torchvision    2.11.0+cu126 0.26.0+cu126
  torch==2.11.0 torchvision          2.11.0+cu128 0.26.0+cu128
  vllm                               2.11.0+cu130

cuda12.8-sm120 on win_amd64: Windows, RTX 5090, driver 572
  torch                              2.11.0+cu128                  later ones have 12.0 for CUDA 13, or Linux
  torch torchvision                  2.11.0+cu128 0.26.0+cu128
"""


class Choice(NamedTuple):
    where: str
    """The machine and its platforms, as they stand above."""
    what: str
    wanted: str
    taken: str

    @property
    def machine(self) -> str:
        """A target, or what is forced: `gfx942`, `ip20.1.0`; `-` for none."""
        return self.where.partition(" on ")[0]

    @property
    def platforms(self) -> list[str]:
        return self.where.partition(" on ")[2].split()


def choices() -> Iterator[Choice]:
    for block in CHOICES.strip().split("\n\n"):
        head, *rows = block.splitlines()
        where, _, what = head.partition(": ")
        for row in rows:
            wanted, taken, *_ = re.split("  +", row.strip())
            yield Choice(where, what, wanted, taken)
