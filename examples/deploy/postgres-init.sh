#!/bin/sh
# Runs once, in an empty database: a role and a database for MLflow, and for promptreg's service.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set mlflow_password="$MLFLOW_DB_PASSWORD" --set serve_password="$SERVE_DB_PASSWORD" <<'SQL'
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE mlflow OWNER mlflow;
CREATE ROLE promptreg LOGIN PASSWORD :'serve_password';
CREATE DATABASE promptreg OWNER promptreg;
SQL
