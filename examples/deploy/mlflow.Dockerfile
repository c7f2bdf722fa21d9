# MLflow's server with the driver for PostgreSQL, which the image of the MLflow project lacks.
FROM python:3.11-slim-bookworm
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN pip install "mlflow==3.17.2" "psycopg[binary]==3.3.9" \
    && useradd --uid 10001 --no-create-home --home-dir /tmp mlflow \
    && install --directory --owner 10001 /artifacts
ENV PYTHONUNBUFFERED=1 HOME=/tmp MLFLOW_DISABLE_TELEMETRY=true
USER 10001
WORKDIR /tmp
VOLUME ["/artifacts"]
EXPOSE 5000
ENTRYPOINT ["mlflow"]
CMD ["server", "--host", "0.0.0.0", "--port", "5000", "--artifacts-destination", "/artifacts"]
