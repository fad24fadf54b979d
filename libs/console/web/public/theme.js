// Loaded before the first paint, so that the page never flashes in the other theme.
(function () {
  try {
    var theme = localStorage.getItem('nft-console-theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Without storage the theme is the system's.
  }
})();
