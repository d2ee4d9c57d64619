import type { Holder } from './crash-people.js';

/** Something that a device can pay with: a token, or an output of a transfer that the wallet has taken in. */
export interface Piece {
  owner: Holder;
  compact: string;
  /** Which output of the transfer; 0 for a token. */
  output: number;
  /** Minor units. */
  amount: number;
  /** Whether `compact` is a token, which alone can be redeemed and divided. */
  isToken: boolean;
}

/** The pieces that are about, as far as the load knows. Now and then one is left in after use: its next user comes too late. */
export class CrashPieces {
  private readonly pieces: Piece[] = [];

  add(piece: Piece): void {
    this.pieces.push(piece);
  }

  /** Some piece; undefined when there is none of the kind. */
  take(random: () => number, tokenWanted: boolean): Piece | undefined {
    const fitting = tokenWanted ? this.pieces.filter(({ isToken }) => isToken) : this.pieces;
    const chosen = fitting[Math.floor(random() * fitting.length)];
    if (chosen !== undefined && random() < 0.8) this.pieces.splice(this.pieces.indexOf(chosen), 1);
    return chosen;
  }
}

/** The owner's device pays all but one unit, which it keeps as change. */
export async function passOn(piece: Piece, payee: Holder): Promise<{ transfer: string; outputs: Piece[] }> {
  const { owner, compact, output, amount } = piece;
  const parts: [Holder, number][] =
    amount > 1
      ? [
          [payee, amount - 1],
          [owner, 1],
        ]
      : [[payee, amount]];
  const outputs = parts.map(([to, worth]) => [to.device, worth] as [typeof to.device, number]);
  const transfer = await owner.device.pay(compact, outputs, { output });
  return {
    transfer,
    outputs: parts.map(([to, worth], at) => ({
      owner: to,
      compact: transfer,
      output: at,
      amount: worth,
      isToken: false,
    })),
  };
}
