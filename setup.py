"""Install ``app`` as ``anthropic_proxy``, and ``simulator`` as ``anthropic_proxy_simulator``.

No site-packages gets a package with a name that others may want.
"""

from setuptools import find_packages, setup

FOLDERS = {"anthropic_proxy": "app", "anthropic_proxy_simulator": "simulator"}

setup(
    packages=[
        *FOLDERS,
        *(f"{name}.{found}" for name, folder in FOLDERS.items() for found in find_packages(folder)),
    ],
    package_dir=FOLDERS,
    data_files=[("share/man/man1", ["app/cli/anthropic-proxy.1"])],
    package_data={
        "": ["*.toml", "*.json", "commit.txt", "py.typed"],
        "anthropic_proxy.pages": ["static/**"],
    },
)
