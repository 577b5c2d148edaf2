"""Install the folder ``app`` as ``anthropic_proxy``: no site-packages gets a package called app."""

from setuptools import find_packages, setup

setup(
    packages=["anthropic_proxy", *(f"anthropic_proxy.{name}" for name in find_packages("app"))],
    package_dir={"anthropic_proxy": "app"},
    package_data={"": ["*.toml", "*.json", "py.typed"], "anthropic_proxy.pages": ["static/**"]},
)
