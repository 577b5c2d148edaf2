# Plain Dockerfile syntax: it builds with BuildKit and with the classic builder alike.
FROM python:3.13-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/anthropic-proxy \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src
COPY .ci/uv.txt .ci/uv.txt
RUN pip install --no-cache-dir --require-hashes --requirement .ci/uv.txt
# The dependencies in a layer of their own: a change of the code does not fetch them again.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-dev --extra otel --extra postgres --no-install-project
COPY setup.py .
COPY app app
COPY simulator simulator
RUN uv sync --locked --no-dev --extra otel --extra postgres --no-editable

FROM python:3.13-slim-bookworm
# A fixed uid, so that volumes keep their owner and Kubernetes can check runAsNonRoot.
RUN groupadd --gid 10001 anthropic-proxy \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/anthropic-proxy --no-create-home \
       --shell /usr/sbin/nologin anthropic-proxy \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/anthropic-proxy
# The base image comes without the bytecode of Python's own library, and the proxy's user can write
# none: each start would compile it, which doubles its time.
RUN python -m compileall -q -x '/(site-packages|ensurepip|idlelib|pydoc_data|tkinter|turtledemo)/' \
       "$(python -c 'import os; print(os.path.dirname(os.__file__))')"
COPY --from=build /opt/anthropic-proxy /opt/anthropic-proxy
ENV PATH=/opt/anthropic-proxy/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CALLED_AS=container \
    ANTHROPIC_PROXY_STATE_DIR=/var/lib/anthropic-proxy
USER 10001:10001
# The only place written to: the certificates made on first start.
VOLUME /var/lib/anthropic-proxy
EXPOSE 8443 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('ANTHROPIC_PROXY_DASHBOARD_PORT', '9090') + '/health', timeout=2)"]
ENTRYPOINT ["anthropic-proxy"]
CMD ["serve"]
