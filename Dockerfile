# The service: `nqms` with its locked dependencies, as an account without rights.
FROM python:3.11.14-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock requirements.runtime.lock ./
# The build backend comes from the full lock file, the dependencies of the service from the one without the tools.
RUN python -m venv /build \
 && /build/bin/pip install --require-hashes --requirement requirements.lock \
 && python -m venv /app \
 && /app/bin/pip install --require-hashes --requirement requirements.runtime.lock
COPY . .
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /app/bin/pip install --no-deps /wheels/*.whl

FROM python:3.11.14-slim-trixie
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/nqms --shell /usr/sbin/nologin nqms \
 && install -d -o nqms -g nqms -m 0700 /var/lib/nqms /var/lib/nqms/keys
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    NQMS_DATA_DIR=/var/lib/nqms NQMS_LISTEN=0.0.0.0:8000
USER nqms
WORKDIR /var/lib/nqms
EXPOSE 8000
ENTRYPOINT ["nqms"]
CMD ["serve"]
