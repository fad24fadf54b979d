import { mountController } from '@app/module-options';
import { Controller, Get, Post } from '@nestjs/common';
import { patternOf, routesBelow, routesOf } from './route-patterns.js';

class Reads {
  @Get()
  list() {}
}

@Controller()
class Drops extends Reads {
  @Get(':id')
  read() {}

  @Post([':id/renew', ':id/again'])
  renew() {}
}

describe('the paths of a controller', () => {
  it('are those of its own methods and of the class that it extends, below where it is mounted', () => {
    expect(routesOf(mountController('v1', 'drops', Drops, []))).toEqual([
      'v1/drops/:id',
      'v1/drops/:id/renew',
      'v1/drops/:id/again',
      'v1/drops',
    ]);
  });

  it.each([
    ['/', 'v1/drops', '/v1/drops', true],
    ['/', 'v1/drops', '/V1/drops/', true],
    ['/', 'v1/drops', '/v1/drops/1', false],
    ['/', 'v1/drops', '/v10/drops', false],
    ['api/', 'v1/drops', '/v1/drops', false],
    ['api/shop', 'v1/:id.json', '/api/shop/v1/2.json', true],
    ['/', 'v1/:id/renew', '/v1/:id/renew', true],
    ['/', 'v1/:id/renew', '/v1/a/b/renew', false],
    [':tenant', 'v1', '/acme/v1', true],
    ['/', 'v1/*path', '/v1', true],
    ['/', 'v1/*path', '/v1/', true],
    ['/', 'v1/*path', '/v1/a/b', true],
    ['/', 'v1/*path', '/v1a', false],
    ['/', 'a.b', '/a.b', true],
    ['/', 'a.b', '/axb', false],
    ['/', '/*path', '/anything', true],
  ])('below the prefix %j, the route %j and the path %j: %s', (prefix, route, path, matches) => {
    expect(patternOf(prefix, route).test(path)).toBe(matches);
  });

  it('are for Fastify a base path and all below it, below each prefix', () => {
    expect(routesBelow(['api/', '/'], 'v1')).toEqual(['/api/v1', '/api/v1/*', '/v1', '/v1/*']);
    expect(routesBelow(['/'], '')).toEqual(['/', '/*']);
  });
});
