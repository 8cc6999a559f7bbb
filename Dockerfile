# Where the service runs in production. Both stages are the same image, so that the environment that the first one
# makes finds its Python in the second; the build that ships names it by digest (--build-arg PYTHON=…@sha256:…).
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build

# What changes seldom comes first: the dependencies, by hash, in an environment that has not even pip.
COPY deploy/run.lock deploy/build.lock deploy/
RUN python -m venv --without-pip /opt/catalog
RUN python -m pip --python /opt/catalog/bin/python install --require-hashes -r deploy/run.lock
RUN python -m pip install --require-hashes -r deploy/build.lock

COPY pyproject.toml README.md schema.sql ./
COPY app app
COPY projections projections
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist .
RUN python -m pip --python /opt/catalog/bin/python install --no-deps --no-index --find-links dist swappo-catalog

FROM ${PYTHON}
LABEL org.opencontainers.image.title="swappo-catalog" \
      org.opencontainers.image.version="0.2.0"
COPY --from=build /opt/catalog /opt/catalog
# The root file system may be read-only: only the imports that arrive are written, to TMPDIR.
ENV PATH=/opt/catalog/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/tmp \
    CATALOG_HOST=0.0.0.0 \
    CATALOG_PORT=8000
WORKDIR /tmp
# By number, or Kubernetes could not tell that it is not root.
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["catalog"]
CMD ["serve"]
