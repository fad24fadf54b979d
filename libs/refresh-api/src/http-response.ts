/** What Express and Fastify have in common. */
export interface HttpResponse {
  header(name: string, value: string): unknown;
  status(code: number): unknown;
}

export function setHeaders(response: HttpResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) response.header(name, value);
}
