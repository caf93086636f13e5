# The service of saved models (docs/serving.md, "In a container"). The first stage compiles, the second only runs.
FROM python:3.12-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
RUN python -m venv /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
ARG PIP_INDEX_URL
# torch comes first and pinned, as in the Makefile; where a change of the source leaves it alone, it is not fetched again.
COPY constraints.txt ./
RUN pip install --constraint constraints.txt torch
COPY pyproject.toml CMakeLists.txt LICENSE ./
COPY docs/pypi.md docs/pypi.md
COPY native native
COPY src src
RUN pip wheel --no-deps --wheel-dir /wheels . \
 && pip install --constraint constraints.txt "$(echo /wheels/*.whl)[serve]"
# A wheel without the engine installs as well, and would be slow without a word.
RUN cd / && python -c "import tidegate.engine._native"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tidegate \
 && install --directory --owner tidegate --group tidegate --mode 0700 /var/lib/tidegate
COPY --from=build /opt/tidegate /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    TIDEGATE_HOST=0.0.0.0 TIDEGATE_PORT=8000 TIDEGATE_STATE=/var/lib/tidegate
USER 10001
VOLUME /var/lib/tidegate
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD python -c "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['TIDEGATE_PORT'] + '/v2/health/live', timeout=2)"
ENTRYPOINT ["tidegate", "serve"]
CMD ["model=/model"]
