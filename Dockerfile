# syntax=docker/dockerfile:1
FROM python:3.12-slim AS build
WORKDIR /app
COPY requirements/base.txt requirements/base.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/base.txt
COPY . .
# The secrets exist for this one command only: collecting static files reads no secret, but settings want them.
RUN SECRET_KEY=build FIELD_ENCRYPTION_KEYS=build API_KEY_PEPPER=build STATIC_ROOT=/app/static-collected \
    /venv/bin/python manage.py collectstatic --no-input && /venv/bin/python -m compileall -q /app

FROM python:3.12-slim
# llama.cpp's wheel needs OpenMP.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home changeover && install -d -o changeover /data
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    CHANGEOVER_ENV=production CHANGEOVER_DATA_DIR=/data STATIC_ROOT=/app/static-collected
USER changeover
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
