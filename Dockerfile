# syntax=docker/dockerfile:1
# Server image for amd64 and arm64: docker buildx build --platform linux/amd64,linux/arm64 -t redeye .
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg iproute2 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --create-home --home-dir /data --shell /usr/sbin/nologin redeye
WORKDIR /app
COPY --from=build --chown=root:root /app/package.json ./
COPY --from=build --chown=root:root /app/node_modules ./node_modules
COPY --from=build --chown=root:root /app/dist ./dist
ENV NODE_ENV=production DATA_DIR=/data HOST=0.0.0.0
USER redeye
VOLUME /data
EXPOSE 1880 1883
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:1880/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# HOST=0.0.0.0 needs TLS_CERT and TLS_KEY, or TRUST_LAN=1 where a reverse proxy or a trusted network stands in front.
CMD ["node", "dist/runtime/cli/server.js"]
