import { Icon, type IconName } from './icon.js';

/** What is wrong in a form: it is read out as soon as it is said. */
export function Problem({ text }: { text: string | null }) {
  return (
    <p class="problem" role="alert">
      {text}
    </p>
  );
}

/** The end of a form: what is wrong in it, and the button that sends it. */
export function FormEnd({
  problem,
  icon,
  action,
  busy,
  isBusy,
}: {
  problem: string | null;
  icon: IconName;
  /** The words of the button, and those while it is busy. */
  action: string;
  busy: string;
  isBusy: boolean;
}) {
  return (
    <>
      <Problem text={problem} />
      <div class="acts">
        <button type="submit" class="btn main" aria-busy={isBusy}>
          <Icon name={icon} />
          {isBusy ? busy : action}
        </button>
      </div>
    </>
  );
}
