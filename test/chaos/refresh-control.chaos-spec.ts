import { controlRefreshesAtRandom } from '../support/control-scenarios.js';
import { CrashTest, rounds } from '../support/crash-test.js';

let test: CrashTest;
beforeAll(async () => {
  test = await CrashTest.start();
});
afterEach(() => test.killAll());
afterAll(() => test.stop());

it.each(rounds(3))(
  'round %i: refreshes that are cancelled, paused, resumed and retried at random, by processes that are killed, lose and repeat nothing',
  async () => {
    await controlRefreshesAtRandom(test, { processes: 3, times: 8, tokens: 150 });
  },
);
