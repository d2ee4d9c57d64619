# The wallet, for a PostgreSQL and a Redis that stand beside it (compose.yaml shows how). Every RUN line of the first stage is run in a
# clean copy of the clone by `npm run image:check`, and the wallet that comes of it is started.
FROM node:20-bookworm-slim AS build
WORKDIR /build
COPY . .
# No dependency's install script is needed for this: the PostgreSQL from npm, which has one, does not go into the image.
RUN npm ci --ignore-scripts --no-audit --no-fund
RUN npm run build
RUN npm ci --ignore-scripts --no-audit --no-fund --omit=dev --workspace=@dunlin/wallet
RUN node scripts/image-tree/assemble.mjs /image

FROM node:20-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
# Holds the master key where none is given.
RUN install --directory --owner=node --group=node --mode=0700 /data
COPY --from=build /image /app
WORKDIR /app
USER node
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 CMD ["node", "apps/wallet/dist/src/process/health-check.js"]
CMD ["node", "apps/wallet/dist/src/main.js"]
