import { REFRESH_REASONS } from '@app/metadata-refresh';
import { adviceFor } from '../web/advice.js';

it('the pages know who can do something about each reason [K27]', () => {
  const unknown = Object.values(REFRESH_REASONS)
    .flat()
    .filter((reason) => adviceFor(reason) === null);

  expect(unknown).toEqual([]);
});
