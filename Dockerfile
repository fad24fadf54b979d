FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY src/package.json src/
RUN npm ci
COPY . .
RUN npm run --silent build && npm prune --omit=dev

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
EXPOSE 3000
# The start waits up to DATABASE_WAIT_SECONDS (60 by default) for the database, and then migrates it.
HEALTHCHECK --start-period=90s --interval=10s --timeout=5s \
  CMD node -e "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health/ready').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"
CMD ["node", "--enable-source-maps", "dist/src/main.js"]
