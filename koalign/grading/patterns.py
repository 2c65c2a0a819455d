"""patterns: the words and marks in which Korean and English answers are stated, as patterns.

For text in which every white space is one character, as `visible_text` makes it: one optional space is
enough, every repetition is bounded, and a search takes time linear in the text.
"""

from __future__ import annotations

import re

from koalign.text.korean import CHOICE_MARKS

OPEN = r"""[ (\[{<"'「『《【$*\\✅☑✔👉]{0,4}"""
CLOSE = r"""[)\]}>"'」』》】$*\\]{0,4}"""
CHEERS = "[\u2600-\u26ff✅✓✔✨⭐⭕\U0001f300-\U0001f44d\U0001f44f-\U0001f6aa\U0001f900-\U0001faff]"
"""Signs after an answer that take nothing back; not ❌, 🚫 and 👎."""
END = rf"(?=[.!~\n]|,? (?:왜냐|이유)| ?{CHEERS}|\Z)"
LEAD = (
    r"(?:\ ?(?:다음|아래)(?:(?:과|와)\ 같(?:습니다|다|아요|음)\ ?[:.]?|의|\ 중(?:에서|에)?(?=\ )))"
)
CHOICE_WORD = r"(?:(?:선택지|선지|보기|옵션|[Oo]ption|[Cc]hoice)[ ]?)?"

KEY = re.compile(
    rf"""(?P<opens>(?:\A|(?<=\n))[^\w\n]{{0,6}})?
        (?:(?P<quote>고른\ 답(?=\ ?:))
          |(?<!오)(?<!틀린\ )(?<!잘못된\ )(?:정답|(?<![가-힣])
            (?:최종\ ?)?(?:해답|답(?:안|변)(?!\ ?[0-9]{{1,2}}\ ?:)|답))
           (?:\ ?번호|\ 선택지)?)
         {CLOSE}
         (?:(?P<sep>(?:(?:은|는|이|을)?\ ?(?:[:→⇒▶▷☞»|–—]|={{1,2}}>?|-{{1,2}}>|>{{2,3}})|은|는)
           (?P<lead>{LEAD})?)
           |이|을|\ ?-)?
         (?(sep)(?:,|\?|\ ?\.{{2,3}}|\ ?…)?\s?|(?(opens)\s?|\ ?))
         (?:(?:바로|확실히|당연히|역시|분명히|물론|명백히|단연|의심할\ 여지\ 없이)\ )?{CHOICE_WORD}{OPEN}
       |(?<![A-Za-z])(?i:answer|ans\.?|(?:correct|right)\ (?:option|choice)){CLOSE}
         (?P<is>\ ?[:=→]|'s|\ -|\ (?:is|(?:should|must|has\ to)\ be)\b:?)\s?(?i:the\ )?
         {CHOICE_WORD}{OPEN}""",
    re.VERBOSE,
)
"""After what a label or a text is the answer. `고른 답:` of the default template quotes a text.

A key that neither opens its line nor has a colon says something of what stands before it: of
`③ 정조 - 정답` the next line is another choice.
"""

NEXT_PROBLEM = re.compile(
    r"\n(?:#{1,4} ?|\[|\()?(?:다음 |다른 )?(?:문제|질문|문항|Question|Problem|Q)"
    r"(?: ?[0-9]{1,3})?(?:[\]):.]{1,2}[ \n]?|\n)"
)
"""Where a model goes on with a problem of its own."""

BOXED = re.compile(r"\\boxed ?\{((?:[^{}\n]|\{[^{}\n]{0,100}\}){1,200})\}")
FORMATS = (
    re.compile(
        r"""["'](?:(?:최종[ _]?)?(?:정답|답변|답안|답|선택)(?:[ _]?번호)?
             |(?i:(?:(?:final|correct|chosen|selected)[ _]?)?answer(?:[ _]?(?:number|choice|option))?
               |(?:final|correct|chosen|selected)[ _]?(?:choice|option)))["']\s?:\s?
            (?:"((?:[^"\\\n]|\\.){0,300})"|'([^'\n]{0,300})'|\[([^\[\]\n]{0,300})\]|(-?[\w.]{1,30}))""",
        re.VERBOSE,
    ),
    BOXED,
    re.compile(
        r"<(?i:(?:final_)?answer|답변|정답|답)>\s?([^<]{0,500}?)\s?</(?i:(?:final_)?answer|답변|정답|답)>"
    ),
    re.compile(r"(?:\A|(?<=\n))[Qq][.:] [^\n]{1,300}\n[Aa][.:] ?([^\n]{1,200})(?=\n|\Z)"),
)
"""JSON, LaTeX, tags and the `A.` after a `Q.` that hold an answer and nothing else."""

ORDINALS = {"일": 1, "이": 2, "삼": 3, "사": 4, "오": 5} | {
    "첫": 1,
    "두": 2,
    "둘": 2,
    "세": 3,
    "셋": 3,
    "네": 4,
    "넷": 4,
    "다섯": 5,
}
LAST = "마지막"
PICKED = r"(?:입니다|이다|이에요|예요)|[이가]\ (?:정답|답|맞|옳)|(?:을|를)\ (?:선택|택|고[르른릅])"
LABEL = re.compile(
    rf"""(?:(?P<mark>[{"".join(CHOICE_MARKS)}])
          |(?<![가-힣0-9])(?<!에서\ )
           (?P<ordinal>(?:(?:{"|".join(ORDINALS)}|[1-9])\ ?번|[첫둘셋넷]|다섯)째|[일이삼사오]\ ?번|{LAST})
           (?:(?P<noun>\ (?:선택지|선지|보기|문항|항목|옵션))|(?={PICKED}))
          |(?<![A-Za-z0-9./~^=+_·-])(?<![0-9]:)(?P<digits>[0-9]{{1,2}})(?![0-9])
          |(?<![A-Za-z0-9])(?P<letter>[A-J])(?![A-Za-z0-9])
          |(?<=\()(?P<small>[a-j])(?=\)))
        {CLOSE}(?P<counter>\ ?번(?![째지길]){CLOSE})?""",
    re.VERBOSE,
)
"""What names a choice: `③`, `두 번째 선택지`, `3번`, `B`, `(b)`."""

LABEL_ENDS = re.compile(
    rf"""\Z|\n|[;!]|[.](?!\ ?[0-9](?!번))|,(?![0-9]{{3}})|:(?![0-9])|(?<=[)\]])\ |\ ?\(\ ?[가-힣"']
       |\ ?입니다|\ ?(?:이다|임|야|다|요|이야|이에요|예요|에요|이며|이고|이므로|이라고?|라고)(?![가-힣])
       |\ ?(?:이|가)\ |\ ?(?:은|는|도|을|를)\ (?=정답|답|아니|틀|오답)|(?:와|과)\ (?=[0-9A-J(])
       |\ ?(?:이나|또는|혹은|및)\ |\ (?:or|and|is|because|since)\ |\ 중(?:에|에서)?[ ]
       |\ (?:이유|해설|풀이|설명|근거)|(?:을|를)\ (?:선택|택)|(?:을|를)\ 고[르른를릅]|\ ?{CHEERS}""",
    re.VERBOSE,
)
"""What may follow a bare digit or letter: `3개`, `3월`, `3.1운동`, `1인칭` and `A형` are no labels."""

TOGETHER = re.compile(
    rf" ?(?:이나|이거나|거나|나|또는|혹은|및|와|과|하고|이랑|그리고|or|and|[,·&/])"
    rf" ?(?:또는 |혹은 |or |and )?{CHOICE_WORD}{OPEN}"
)
INSTEAD = re.compile(
    rf" ?(?:이|가|은|는|도)? ?(?:아니라|아니고|아닌|말고|대신|중에서|중에|중),? ?{CHOICE_WORD}{OPEN}"
)
"""Between two labels: they are offered together, or the second takes the place of the first."""

TOPIC = re.compile(r"(?: ?(?:선택지|선지|보기))?(?:은|는) ")
ADVERB = "(?:(?:절대로?|결코|확실히|당연히|전혀|분명히|도저히) )?"
DENIED = re.compile(
    rf" ?(?:이|가|은|는|도)? ?{ADVERB}(?:정답|답)?(?:이|으로|으로는|이라고|이라|일)? ?{ADVERB}"
    r"(?:(?:될|볼|할|일) 수(?:는|가)? ?|보기(?:는|가)? ?)?"
    r"(?:아니|아닌|아닐|아님|아닙|없|않|어렵|틀렸|틀리|오답)"
    r"| not(?=[.\n]|\Z)"
    r"| ?[(\[:–—-]? ?(?:[❌✖✗✘🚫👎]|오답|틀림|[XxＸ×](?=[)\] .,\n]|\Z)|(?:은 |는 )?아님)"
    r"|(?: ?(?:입니다|이?다|임))[.\"'」』]{0,2} ?[(\[:–—→=-] ?"
    r"(?:[❌✖✗✘🚫👎]|거짓|틀림|(?:틀린|잘못된) (?:진술|설명|문장|말|명제|주장)|[XxＸ×F](?=[)\] .,\n]|\Z))"
    r"| ?(?:을|를) ?(?:제외|뺀|빼)"
)
THINKS = (
    r"(?:(?:생각|판단|추론|예상|확신)(?:합니다|한다|해요|하겠습니다|됩니다|된다|함)|판단(?:했|하였|됐|되었)(?:습니다|다)"
    r"|봅니다|본다|봐요|보입니다|보인다|하겠습니다|결론(?: ?내립니다|짓는다)"
    r"|(?:결론|말|판단|추론)?(?:할|볼|지을|내릴| 내릴|을 내릴) 수 있(?:겠)?(?:습니다|다|음|어요|네요)"
    r"|보는 (?:것이|게) (?:타당|적절|맞|옳|합리적)[가-힣]{1,4}"
    rf"|(?:봐|보아)야 (?:한다|합니다|할 것(?:이|입니)다)){END}"
)
SAID = rf" ?(?:번)?(?:이?라고?|으?로|인 (?:것으|걸)로) {THINKS}"
CONCLUDES = (
    r"이?라는 (?:결론|판단)(?:에|을|이) [^.!?\n]{0,20}(?:도달|이르|내[리린립렸]|나[온옵왔]|얻)"
    r"(?![^.!?\n]{0,10}(?:않|못|없))"
)
HEDGED = re.compile(
    rf"(?!{SAID}|{CONCLUDES})(?:[가-힣 ]{{0,12}}\?"
    r"|(?: ?(?:입니다|이?다|임))?\.?[\"'」』]{1,2} ?(?:이?라)?(?:는|고) ?"
    rf"(?!{THINKS})| ?(?:입니다|이?다),? ?(?:이?라는|하는) "
    r"| ?(?:일 ?수|일지|일까|일 ?가능|일 ?확률|인지|인가|인 ?줄|이?라면|이면(?!서)|의(?![가-힣]))"
    r"| ?(?:~ ?[0-9①-⑩]|외에|뿐만|이?지 않|일 리|이?라(?:기|더|네)|이 유력하(?:지만|나))"
    r"| ?(?:에(?! ?해당)|처럼|보다|이?[었였](?!(?:다|습니다)(?:[.!\n]|\Z))|이려면|이 ?되(?:려|기))"
    r"| ?(?:이?라는|이?라 (?:착각|하기|보기|단정|할|생각)|이?든(?:지)? |이?어야 (?:하지만|했|할 것 같))"
    r"| ?(?:이 ?될 것 같|을 것 같|(?:이|가)? ?(?:될|맞을|옳을) 수)| 같(?:지만|으나|은데|아 보)"
    r"| ?(?:인|일) ?(?:것|듯|거) ?(?:처럼|도|같(?:지만|으나|은데|았|아도|지)|하(?:지만|나|였|면서))"
    r"| ?(?:인|일) 것으로 (?:보|생각|여)| ?(?:번)?이?라고(?!요)"
    r"| ?(?:으)?로 ?(?:보|볼|되어 있|생각|여기|여겨|판단|추정|착각|오해|고른|고르기|선택하면|고르면)"
    r"| ?(?:이|가) (?:맞|옳)(?:는지|은지|을지|을까|을 수|다면|[는은] 것처럼|[는은] 듯)"
    r"| (?:다음|뒤|앞|문단|문제|줄|지문|단락|문장)(?:의|에|과|와|을|를)"
    r"|(?:와|과|이나|나|하고) | ?(?:또는|혹은|및) | or )"
)
"""After a label: it is not the answer; it may be, is one of several, or is only spoken of."""

SUBJECT = re.compile(
    r"(?: ?(?:선택지|선지|보기))?(?: ?(?:이|가|은|는|(?P<also>도)))? ?(?:모두 |둘 다 |다 )?(?:최종 )?"
    r"(?:정답|답)(?=이(?!어야|어서는)|입니다|임|인 것|인 이유|일 것|예요|[.!,;)\n]|\Z"
    r"|으로 (?![^.!?\n]{0,40}(?:않|못|없|어렵|부적|부족|오해|착각|지만|으나)))"
    r"|(?:을|를) (?:정답|답)(?:으로 (?:선택|택|고르|고릅|고른다)|이라)(?!하?면|[가-힣]* 학생)"
    r"| (?:is|are) (?:the )?(?:(?:correct|right|best) )?(?:answer|option|choice)s?\b"
    r"|(?: ?(?:선택지|선지|보기))?(?:을|를) (?:최종(?:적으로)? )?"
    rf"(?:(?:선택|택)(?:합니다|하겠습니다|할게요)|고(?:릅니다|르겠습니다|를게요)){END}"
    rf"|(?:으)?로 (?:(?:선택|결정|답|변경|수정|정정|확정)?(?:하겠습니다|합니다)|바꾸겠습니다|바꿉니다){END}"
)
"""After a label: it is the answer."""

HENCE = "(?:따라서|그러므로|그래서|그러니까?|결국|즉|요컨대|∴)"
CLAUSE_START = re.compile(
    rf"(?:^|[\n.,:;!?] ?|(?:{HENCE}|답은|저는|나는|제 생각에는|I think|I believe),? )(?:the |The )?"
    rf"{CHOICE_WORD}{OPEN}\Z"
)
"""Where a bare digit or letter is a label and not the end of `비타민 C` or `x = 3`."""

COPULAS = "이?(?:입니다|다|에요|예요|야|네요|요|죠|지요|랍니다|었다|었습니다)|임"
NOUN = "(?: ?(?:선택지|선지|보기|항목|옵션))?"
CONCLUSION = re.compile(
    rf"""(?<![가-힣])(?<!의\ )
          (?:(?:최종\ ?)?결론(?:적으로)?
            |(?:최종\ ?선택지|(?:최종\ ?|[내제]\ |[저나]의\ )?선택(?:한\ 답)?)(?=\ ?[:=은→\n]))
          {CLOSE}(?:\ ?[:=→]|은|,)?\s?{CHOICE_WORD}{OPEN}
       |(?<![가-힣]){HENCE},?\ ?{CHOICE_WORD}{OPEN}
       |(?<![A-Za-z])(?:(?i:therefore|thus|hence),?|I\ (?:would\ )?(?:choose|pick|select)
          |(?i:(?:final|correct|selected|my)\ (?:choice|option|decision)\ ?:))\ {CHOICE_WORD}{OPEN}""",
    re.VERBOSE,
)
"""After what a label is the answer if the sentence ends with it; a text is none."""
BARE_END = re.compile(rf"{NOUN}(?: ?(?:{COPULAS}|였다))?{END}|{SAID}")
"""After such a label: the sentence ends, with or without `이다`."""
SENTENCE = re.compile(
    rf"{NOUN}(?: ?(?:입니다|이다|이에요|예요)| ?이?라고 {THINKS}|에 해당(?:합니다|한다|함)"
    r"|(?:을|를) (?:최종(?:적으로)? |정답으로 |답으로 )?"
    r"(?:(?:선택|택)(?:한다|하겠다|했(?:습니)?다|하였(?:습니)?다|할 것이다|할 것입니다)"
    rf"|고(?:른다|르겠다|를 것이다|를 것입니다|랐다|랐습니다))){END}"
)
NOT_SHOWN = "을 (?:가정|증명|보이|보여|의심|부정|확인하[시라자])"
COMMITS = re.compile(
    rf"{NOUN}(?:(?![.,]{{2}}){END}|[;:(\[」』]|,(?! ?[은는] )| ?[–—-] | (?:이유|해설|풀이|설명|근거)"
    rf"| ?(?:임(?!{NOT_SHOWN})|입니다|이다"
    r"|이에요|예요|이야|야|다(?![가-힣])|이네|이었[다습]|였[다습]|이고|이며"
    r"|이요|이랍니다|이지 말|이지, |이므로|이니|이라서|이기 때문|인데|이지[만요.!]|이죠|이겠|이어야|인 이유"
    r"|이?라고|이라 (?:생각|봅|본|판단|할 수)|[인일] ?(?:것|듯|거))"
    r"|[이가] ?(?:가장 )?(?:확실|분명|적절|타당|알맞|올바|유력|정답|답|된다|됩니다|되겠|돼)"
    rf"|[이가] ?(?:가장 )?(?:맞|옳)(?:[고으음아네]|다(?![고는])|습니다|다고 {THINKS}"
    r"|는 것 같(?!지|으나|은데))"
    r"|[을를] (?:최종(?:적으로)? )?(?:(?:선택|택)(?:한다|합|하[여고겠])|고(?:른다|릅|르겠))"
    r"| ?으?로 (?:최종(?:적으로)? )?(?:볼 수|봐야|보아야|보입|보인|판단|생각|사료|간주|이해|해석|추론|정리"
    r"|귀결|확정|결정|선택|정하|정했|정해|하겠|하려(?!면)|합니다|한다|할게|답|결론|나타|도출|확인|파악|분석|예상|마무리)"
    r"(?![가-힣]{0,5}지 )|만(?:이 | )(?:정답|답|가능|맞|옳|해당)|뿐|밖에|에 (?:해당|가깝))"
)
"""After `정답은` and a label, for the label to be the answer."""
GOES_ON = re.compile(
    rf"{NOUN}(?:[이가] ?(?:가장 )?(?:될 것|적합|가깝|가까운 (?:답|것|설명|선택)|유일|정확|일치|해당"
    r"|(?:옳|맞|적절|타당|알맞|올바)[가-힣]{1,2} (?:답|것|설명|선택|진술|내용))"
    r"|이군요|이구나|으?로, |이?라는 (?:것|점|사실|결론)[을이]|이?란 것을 |인(?= [『「\"'])"
    r"|째 (?:선택지|보기|항목|것)| ?같(?:습|아)| 되(?:겠|시겠)| 즉"
    r"| (?:하나|항목|문항|답안|선지|문장)(?:뿐)?(?:이다|입니다|임)"
    r"|[을를] (?:골라야|선택해야) (?:한다|합|할|함)|[을를] (?:뜻|의미|가리))"
    r"(?![^.!?\n]{0,80}(?:않|아니|아닌|아닙|없|못|어렵|부정|틀[리렸린]|지만|으나|한데|의견|사람|말))"
)
"""More of that, where the rest of the sentence takes nothing back."""
AFTERWARDS = re.compile(
    r"(?:\.{2,3}(?!\.)|…|~)? ?(?:[:;]-?[)D]|[\^ㅎㅋ]{1,3})?(?= ?(?:[!\n]|<[|/]|\[E|\Z))"
)
"""What may end such a sentence beside END: signs, and special tokens written out."""
SENTENCE_START = re.compile(
    rf"(?:^|[\n.!] ?)(?:(?:저는|나는|저라면|나라면|제 생각에는),? ?)?{CHOICE_WORD}{OPEN}\Z"
    rf"|(?<![가-힣])(?:이는|이것은) {CHOICE_WORD}{OPEN}\Z"
)
TURN = re.compile(
    r"(?:지만|으나|이나|는데|정정:|수정:|므로|기 때문에|그러나|하지만"
    r"|실제로는|사실은?|실은|아니[요오]?|(?:보|하|따지|풀|말씀드리)면|니까?|자면|고르라면)[,.]? ?"
    rf"(?:실제로는 |사실은? |다시 [가-힣]{{1,4}}(?:면|니) )?{CHOICE_WORD}{OPEN}\Z"
)
"""Before a label in a sentence of its own, and before one that takes the place of what was said."""

TAKES_BACK = re.compile(
    r"(?:^|[.!\n] ?)(?:아,? |앗,? )?(?:(?P<void>"
    r"아니[요오]?[,.]|아니다[,.]|아닙니다[,.]|죄송(?:합니다|해요)[.,!]|(?:정정|수정)(?:합|하|:)"
    r"|실수(?:했|입니|네)|잘못 (?:봤|보았|계산|생각|판단|읽)|틀렸(?:습니다|네)|취소합"
    r"|[Ss]orry|No,|Correction|Wait, no)|잠깐|(?:그러나 |하지만 |그런데 )?다시 "
    r"|(?:그러나|하지만|그런데|그렇지만),? "
    rf"(?=[^.!?\n]{{1,80}}(?:니까?|므로),? {CHOICE_WORD}{OPEN}[0-9①-⑩])"
    r"|[Ww]ait\b|[Aa]ctually\b)"
)
"""A sentence that takes back, or looks again at, what was stated before it."""

RECONSIDERS = re.compile(
    r"틀렸|다시|모르|모릅|확실하|잘못|[정수]정[:합]|죄송|아니[요다,.]|\?|(?i:wait|actually|sorry)\b"
)
"""Beside an answer that only its place makes one: the writer doubts it."""
GIVES_UP = re.compile(
    r"(?:어느|어떤|누구)[^.!?\n]{1,30}(?:맞|옳|정답|답|타당)[^.!?\n]{0,6}지(?:는|를|도)? "
    r"(?:알 수 없|모르|모릅|불분명|확실하지 않)"
    r"|답(?:을|이 무엇인지|을 하나로)? (?:알|정할|확정할|특정할|단정할|판단할|고를) 수(?:는|가)? 없"
)
"""After answers: the writer takes none of them for the answer."""

REASON = re.compile(
    rf"(?P<what>.{{0,200}}?)(?:이?므로|때문에|(?:이|으)니까?|이?기에|이?라서),? ?{OPEN}\Z",
    re.DOTALL,
)
JOINS_LABEL = re.compile(
    rf"{CLOSE}(?:인|이며|이고|으?로)?,? ?[-–:]?(?:이는 |(?:보기|선택지|선지) ?번호(?:로|로는|는) )?"
    rf"{OPEN}{CHOICE_WORD}{OPEN}\Z"
)
"""Between a key and a label: a reason (`답은 ㄴ, ㄷ이므로 ④`); what joins a choice's text to its label."""
BEFORE_OWN_TEXT, CLOSING = re.compile(rf"{NOUN}(?:인| ?[:.=-])? ?{OPEN}"), re.compile(CLOSE)
SORT = r"(?:것|설명|선택지|선지|보기|번호|답|문장|진술|내용|이해|추론|반응|해석)(?:은|는| ?:)"
RIGHT_KEY = re.compile(
    r"(?:옳은|(?<!부)적절한|(?<!부)적합한|알맞은|맞는|올바른|타당한|(?:해당|부합|일치)하는"
    r"|이를 모두 (?:포함|만족|충족)하는"
    r"|가장 (?!잘못|부적|논란|[^ ]{0,3}거리)(?:[가-힣]{1,8} ){0,2}[가-힣]{0,6}(?<![않없])[한낸은는])"
    rf" {SORT} ?{CHOICE_WORD}{OPEN}"
)
WRONG_KEY = re.compile(
    rf"(?:않은|않는|틀린|아닌|잘못된|부적절한|없는|먼|어긋나는|배치되는) {SORT} ?{CHOICE_WORD}{OPEN}"
)
WRONG_IS_ASKED = re.compile(
    r"(?:않은|않는|틀린|아닌|잘못된|없는|거리가 먼) (?:것|설명|문장|진술|내용|보기|선택지|선지)만?을 "
    r"(?:(?:고르|찾|묻|선택하)는 (?:문제|문항|질문)|묻고 있"
    r"|(?:찾아|골라) ?(?:봅시다|보자|보겠|볼까|봐요|야)"
    r"|(?:고르|찾)(?:라|시오)(?:는|고))"
    r"|(?:문제|문항|질문|발문)(?:에서|가|이) (?:요구|질문)하는 (?:[가-힣]+지 않은|틀린|잘못된|아닌) "
)
"""How a completion says that its question asks for the wrong choice."""
DOUBT = "(?:지|는지|은지|는 것|은 것처|을 수|을지|을까|다고|다는|다면|아 보|으면)"
RIGHT = re.compile(
    rf"(?:이|가) ?(?:가장 |더 )?(?:(?:옳|맞)(?!{DOUBT})|적[절합]하?(?![하지치])|알맞(?!지)|올바르(?!지))"
    r"| is correct(?=[.,!\n]|\Z| because| since)"
)
CALLED_WRONG = re.compile(
    r"(?:이|가) ?(?:가장 )?(?:(?:옳|맞|적절하|알맞|올바르)지 않(?!은 것[은이] 아니)|적절치 않"
    r"|틀[리렸린]|잘못)"
)
WRONG = re.compile(
    r"(?:이|가) (?:[^,.!?\n]{0,20} )?(?:[가-힣]+지 않은|틀린|잘못된) (?:것|설명|선택지|선지|진술|내용)"
    rf"(?:에 해당(?:합니다|한다|함)|입니다|이?다|임){END}"
    rf"|{CALLED_WRONG.pattern}"
    rf"(?!은지|을지|을까|을 수|을 것|다고(?! {THINKS})|다는|다면|으면|은 것처|아 보|지[ ,]|면"
    r"| [가-힣 ]{1,12}(?:인지|일까|일 수|이?라면|이?라는|이? 아니))"
)
"""Weaker statements: which choice is right or wrong, for a question that asks for just that."""


COPULA = re.compile(
    rf"(.{{1,300}}?) ?(?:(?:입니다|이다|이에요|예요|이야)(?=[.!,]|\Z)|이?라고 {THINKS})"
)
DENIAL_ENDS = re.compile(r"(?:아니다|아닙니다|아니에요|아님|\?)[.!]?\Z")
REPLACED = re.compile(r"^.{1,100}?(?:이|가|은|는)? 아니(?:라|고),? ")
"""In a phrase: what stands before `입니다`; that it denies or asks; `…가 아니라` before the answer."""

DIGITS = re.compile(r"[0-9]{1,2}")
NUMBER_ONLY = re.compile(r"[(\[]?[0-9]{1,2}[)\].]?번?")
BEFORE_LABEL = re.compile(CHOICE_WORD + OPEN)
NOTHING_MORE = re.compile(rf" ?(?:{COPULAS})?[.!]?(?: ?{CHEERS}\ufe0f?){{0,4}} ?")
"""Of a phrase that is an answer and nothing else: a bare number; what may stand around a label."""
