import { useState } from 'preact/hooks';
import { Icon } from './icon.js';

/** Read by theme.js before the first paint. */
const STORED = 'nft-console-theme';

const THEMES = [
  { theme: 'system', icon: 'system', text: 'As the system' },
  { theme: 'light', icon: 'sun', text: 'Light' },
  { theme: 'dark', icon: 'moon', text: 'Dark' },
] as const;

export function ThemeSwitch() {
  const [chosen, setChosen] = useState(document.documentElement.dataset['theme'] ?? 'system');
  const choose = (theme: string) => {
    setChosen(theme);
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    try {
      localStorage.setItem(STORED, theme);
    } catch {
      // Then it holds until the page is reloaded.
    }
  };
  return (
    <fieldset class="theme">
      <legend class="sr">Theme</legend>
      {THEMES.map(({ theme, icon, text }) => (
        <label key={theme} title={text}>
          <Icon name={icon} />
          <span class="sr">{text}</span>
          <input type="radio" name="theme" value={theme} checked={chosen === theme} onChange={() => choose(theme)} />
        </label>
      ))}
    </fieldset>
  );
}
