import { statement } from '@dunlin/postgres';
import { auditInsert } from '../audit/audit-log.js';

/**
 * $1 family, $2 user, $3 hash, $4 lifetime in seconds, $5 how many other sessions stay, from $6 the audit
 * log's. The lock of the user's row makes sessions of
 * one user open one after another, and shuts out a deactivation: one that came before leaves no owner here, and one that comes after
 * waits and then sees the new session. Of two that open at once the second counts without the first, so a user may be one over
 * the limit for each until the next login.
 */
export const openSession = statement(
  'session_open',
  `with owner as (
     select id, token_generation from users where id = $2 and is_active for no key update
   ), surplus as (
     update sessions set ended_at = now(), ended_because = 'surplus'
      where ended_at is null and exists (select 1 from owner) and id in (
        select s.id from sessions s
         where s.user_id = $2 and s.ended_at is null
         order by s.refreshed_at desc, s.id
         offset $5
      )
   ), opened as (
     insert into sessions (id, user_id, token_hash, expires_at)
     select $1, id, $3, now() + make_interval(secs => $4) from owner
     returning user_id
   ), logged as (${auditInsert({ from: 'opened', user: 'opened.user_id', first: 6 })})
   select owner.token_generation as "tokenGeneration" from opened, owner`,
);

/**
 * $1 family, $2 the presented hash, $3 the next hash, $4 lifetime in seconds. Rotates a family whose good token was presented, and ends
 * one whose token was not the good one; no row when there is no such live family.
 *
 * Of many that present one token at once, the first to lock the row rotates it. Each of the others waited for that lock, and PostgreSQL
 * works its conditions out anew on the row as it is then: the hash has moved on, so the second ends the family, and the rest find it ended.
 */
export const rotateSession = statement(
  'session_rotate',
  `update sessions s
      set token_hash = case when s.token_hash = $2 then $3 else s.token_hash end,
          generation = s.generation + case when s.token_hash = $2 then 1 else 0 end,
          refreshed_at = case when s.token_hash = $2 then now() else s.refreshed_at end,
          expires_at = case when s.token_hash = $2 then now() + make_interval(secs => $4) else s.expires_at end,
          ended_at = case when s.token_hash = $2 then null else now() end,
          ended_because = case when s.token_hash = $2 then null else 'reuse' end
     from users u
    where s.id = $1 and s.ended_at is null and s.expires_at > now() and u.id = s.user_id and u.is_active
    returning u.id as "userId", u.role, u.token_generation as "tokenGeneration", s.ended_at is null as rotated`,
);

/** $1 family, $2 the presented hash. Why a family was not rotated is told to the holder of its last token only. */
export const sessionOfDeactivated = statement(
  'session_of_deactivated',
  `select 1 from sessions s join users u on u.id = s.user_id where s.id = $1 and s.token_hash = $2 and not u.is_active`,
  { readOnly: true },
);

export const endSession = statement(
  'session_end',
  `with ended as (
     update sessions set ended_at = now(), ended_because = 'logout' where id = $1 and ended_at is null returning user_id
   ), logged as (${auditInsert({ from: 'ended', user: 'ended.user_id', first: 2 })})
   select user_id from ended`,
);

/**
 * $1 for how many seconds a session is kept after its end, $2 how many at most. That time is longer than any statement may take, so a session
 * that is being rotated at the moment of its expiry is not swept away.
 */
export const sweepSessions = statement(
  'session_sweep',
  `delete from sessions where id in (
     (select id from sessions where expires_at < now() - make_interval(secs => $1) limit $2)
     union all
     (select id from sessions where ended_at < now() - make_interval(secs => $1) limit $2)
   )`,
);
