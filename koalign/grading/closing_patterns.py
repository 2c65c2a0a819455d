"""closing_patterns: the words by which a last sentence says of a choice that it is the one, as patterns."""

from __future__ import annotations

import re

from koalign.grading import patterns
from koalign.grading.patterns import CHOICE_WORD, CLOSE, END, HENCE, NOUN, OPEN, THINKS

SENTENCE = re.compile(
    r"""[^\n]*?(?:
        (?:(?<=[가-힣)\]}"'」』%$])[.!~]{1,3}|(?<=[a-z])[.!](?=\ [A-Z"'])|\?)["'」』)]?(?=[\ \n]|\Z)
        |\n|\Z)""",
    re.VERBOSE,
)
_FALSE = r"[(\[](?:[X×✗✘❌]|거짓|틀림|오답)[)\]]"
NOTE = re.compile(
    rf"\s*(?!{_FALSE})\([^()\n]*\)[.!]?\s*"
    r"|[^\n]{0,30}(?:궁금|질문|도움|알고 싶|필요하[시신면]|이해가)[^\n]{0,30}"
    r"(?:주세요|말씀|신가요|나요|까요|바랍니다|길|다)[^\n가-힣]{0,4}"
)
"""A remark, and what a chat model ends with: `더 궁금한 점이 있으신가요?`."""
BULLET = rf"(?:[-*•·#>\s\ufe0f]|{patterns.CHEERS}){{0,6}}"
SO = "(?i:so|thus|hence|therefore)(?![a-z])"
CONCLUDES = re.compile(rf"{BULLET}(?:{HENCE}|결론|최종적으로|[→⇒]|[=-]>|{SO})")
CLAUSE = re.compile(
    rf"(?<![가-힣])(?:{HENCE}|결론(?:적으로|은)?|최종적으로|곧)(?![가-힣])[,:]? ?"
    rf"|[→⇒] ?|[=-]> ?|(?<![A-Za-z]){SO},? "
    r"| (?:중|가운데)(?:에서)? (?=(?:옳은|맞는|적절한|알맞은|틀린) )"
    r"|(?:므로|니까|[이으]니"
    r"|때문에|라서|지만|으나|는데|아니라|말고|[이가] 아닌(?! [가-힣]{1,6}[은는] )),? "
)
"""After what a sentence comes to what it says: a conclusion, a reason, the other side."""

SO_IT_IS = re.compile(rf"(?<![가-힣]){HENCE},? [^.!?\n]{{1,40}}[은는] {OPEN}\Z")
ENDS_SO = re.compile(rf"{CLOSE}(?:입니다|이다|임){END}")
"""Around a letter that is a label: `따라서 가장 타당한 원인은 A입니다`."""
COMES_TO = re.compile(rf"(?<![가-힣])(?:{HENCE}|결론)(?![가-힣])|(?<![A-Za-z]){SO}")
ARROW = re.compile("[→⇒]|[=-]>")
IMAGINES = re.compile(" ?(?:만약|만일)|[^.!?\n]{0,60}[물았었했]다면")
"""A sentence on another question: `감찰 기관을 물었다면 정답은 3번이다`."""
STATED = re.compile(
    "(?:[가-힣]지않|[가-힣]{1,2})?(?:[가-힣](?:습니|니)?다|[가-힣]?[아어에예해네돼]요|[음함됨임])[.!~]*"
)
NAMED = re.compile("(?:입니다|이?다|이에요|예요|임)[.!~]*")
"""Of what a question asks, the end as a statement: `…한다`, `…하지않습니다`; `…의 수도이다`."""
SUBJECT = re.compile(rf"{CLOSE}{NOUN}[이가] ")
TOPIC = re.compile("[은는] ")
WHOLE = re.compile(r"[.!?)가-힣]\Z")
"""At the end of a text that was not cut."""
ATTRIBUTE = re.compile(
    r"[^,.!?\n]{1,40}(?:않은|않는|없는|아닌|못한|못하는|틀린|잘못된|어긋나는|배치되는|먼) ?\Z"
)
"""Before a choice's text: it is denied of the choice what the question asks for."""
CHOSEN = re.compile("[을를] (?:고[르른릅]|선택|택)")
AS_ANSWER = re.compile(rf"(?:정답|답)으로는? ?{OPEN}\Z")
I_SAY = re.compile("(?:저|나)(?:는|라면)|제가|내가")
NAMES_ONE = re.compile(rf"{CLOSE}[을를] 들 수 있")
SUPPOSES = re.compile(
    r"\?|만약|만일|(?<![저나])라면|다면|(?<!찾)으면|[이니]면[ ,]|[되꾸뀌]면|(?<!따)지면|경우|가정"
    r"|확실하[지진]"
    r"|아마|혹시|예를 들|학생|수험생|친구|응답|해설지|선생|흔히|대부분|일부|누군가|고 (?:했"
    r"|하는|주장)"
    r"|\b(?i:if|might|may|maybe|perhaps)\b"
)
"""Anywhere in the sentence: it is not the writer's, or not sure."""
DENIES = re.compile(
    r"[두세네] 번째로(?! (?:제시|언급|나열|적))|않|아니|아닌|아닙|없(?!이)|못|틀[리립렸린림]|잘못|오답"
    r"|거짓|부적|멀|어긋|배치|위배|반대|반례|함정"
    r"|제외"
    r"|탈락|소거|지[운우울]|매력|헷갈|혼동|착각|오해|쉬운|쉽|후보|의심|(?<!글 )다음(?! 중)"
    r"|(?<!가장 )먼저|나중"
    r"|앞[선의]|살펴|검토|고민|애매|차선|각각|또한|예시"
    r"|것 같|(?<!보)듯|모르|모릅| 수도 | 수 있(?!는 [가-힣])|인가|일까|는지"
    r"|인지|을까|(?<!가장 )가능성"
    r"|추측|짐작|횟수|차례|(?:제거|삭제)(?!하는|되는)|오류|논란|예상|배울|네가|당신"
    r"|n't|\b(?:not|no|never|wrong|incorrect|except|tempted|before|after|distractor|eliminated)\b"
)
"""In the clause that names the choice: it is denied, doubted, or something else than the answer."""
ANSWER = re.compile(
    r"(?:정답|(?<![가-힣])답)(?!이 (?:되는|될 수 있는) | ?(?:선택지|선지|보기)(?:는|은) )"
    r"|(?i:answer)"
)
"""Of a sentence with such a word the stricter reading of keys has decided."""
RIGHT_WORD = re.compile(
    r"(?:해당하|해당되|속하|포함되)는 것|옳|맞|적절|바르|바른|알맞|타당|일치|부합"
)
_MOVES_ON = r"이제|그러면|[가-힣]면 ?\Z|봅시다|보세요|보자|\?"
TURNS = re.compile(rf"{_MOVES_ON}|하지만|그러나|그런데|다만|다시|모르|모릅|확실하|않|없|아니|오류")
"""After such a sentence: it is not the end, or taken back."""

ADVERB = r"(?:(?:바로|모두|총|역시|오직|단연|결국|곧|즉|확실히|분명히|당연히|무조건),? )?"
OPENS = rf"{ADVERB}{CHOICE_WORD}{OPEN}\Z"
IS_BEFORE = re.compile(
    rf"(?:[\w)\]}}\"'」』$](?:은|는|란|건|인)|(?<= )건"
    r"|(?:고르|찾|구하|풀|계산하|꼽|말하|[나배]열하)[으자]?면,?"
    r"|[된한]|(?:(?<=것 )|(?<![가-힣])(?<![가-힣] ))="
    r"|(?:결론|선택|선택지|선지|보기|것|답안) ?:"
    rf"|\b(?:is|are|was|be)) ?{OPENS}"
)
IS_THE_ONE = re.compile(
    rf"(?:것|답안|설명|선택지|선지|보기|문장|진술|내용|(?:선지|보기|번호)로)(?:은|는) ?{OPENS}"
    rf"|\b(?:best|right|correct) (?:one|choice|option) is {OPENS}"
)
"""Before a choice's text, or a label in a conclusion; before a label anywhere."""
AMONG = re.compile(
    rf"(?:(?<!결)[과와·]|(?<![가-힣]),|및|그리고|이?나|또는|혹은|\b(?:or|and)) ?{OPEN}\Z"
)
WRITER = re.compile(
    rf"{BULLET}(?:(?:네|예|음),? )?(?:(?:저|나)(?:는|도|라면),? |제가 |내가 )?"
    r"(?:(?:망설임|주저|고민) 없이 )?(?:(?:주어진 )?(?:선택지|선지|보기)(?:들)? (?:중"
    r"|가운데)(?:에서)?,? )?"
    r"(?:(?:(?:이|위|본) (?:문제|문항|질문)의 )?(?:최종 )?(?:정답|답안?)으로(?:는)? "
    rf"|[^,.!?\n]{{1,20}} 것으로 )?(?:위에서 )?{OPENS}"
)
SUCH_A = re.compile(
    rf"(?:(?:선택지|선지|보기) (?:중|가운데)(?:에서)? )?[^ ]{{1,12}}[이가] [^ ]{{1,12}}(?:인|한|된) {OPENS}"
)
"""In a conclusion, before the choice that the writer takes: `값이 4인 3번을 고른다`."""
WILL_DO = "면 (?:된다|됩니다요?|돼요?|됨|되겠(?:습니다|어요|네요|다))"
TO_TAKE = re.compile(rf"{WILL_DO}|는 것이 |답을 바[꾸꿉꾼]")
"""In the words that take a choice: it is to be taken, whatever stands before it."""
OF_IT = re.compile(rf"(?![^,.!?\n]*(?:답|[들씨]))[^,.!?\n]{{0,60}}? {OPENS}")
I_TAKE = re.compile(
    r"\b(?:I(?:'m| am|'ll| will|'d| would)?(?: have to)? (?:go|going|choose|pick|select|opt"
    r"|settle|say)"
    rf"(?: with| for| on)? (?:the )?|(?:[Ii]t|[Tt]hat)(?:'s| is| must be| has to be) ){OPENS}"
)
IS_AFTER = re.compile(
    rf"{CLOSE}(?: ?순서?|(?:이?라)?는 것)?"
    rf"(?: 하나)?(?:{patterns.BARE_END.pattern}|{NOUN}(?:뿐(?:입니다|이다)?"
    rf"|에 해당(?:합니다|한다|함)"
    rf"|(?:이|가) (?:되겠습니다|됩니다|된다)"
    rf"|이?라고 (?:부릅니다|부른다|불러요|해요)|임에 틀림없(?:습니다|다|음)"
    rf"|이?라는 (?:뜻|말|의미)(?:입니다|이다|이에요|예요|으?로 (?:쓰입니다|쓰인다|사용됩니다|사용된다)))"
    rf"{END})"
)
TAKEN = re.compile(
    rf"{CLOSE}{NOUN}(?:을|를|으?로|에|이?라고)? ?(?:(?:최종 )?(?:정답|답안?)으로 |최종(?:적으로)? )?(?:"
    r"(?:선택|택|결정|확정|채택|선정|제출|제시|표시|마킹|정)(?:합니다|한다|하겠습니다|하겠다"
    rf"|할게요|했습니다|했다|함|하(?:시)?{WILL_DO}"
    r"|이 (?:가장 )?(?:타당|적절|옳|맞)(?:함|하다|합니다|다|습니다|음))?"
    rf"|골랐(?:습니다|다|어요)|고(?:릅니다|른다|르겠습니다|르겠다|를게요|름|르시?{WILL_DO}"
    r"|르세요)"
    rf"|찍(?:습니다|는다|겠습니다|으시?{WILL_DO})|(?:쓰|적으)시?{WILL_DO}|(?:꼽을|들) 수 있(?:습니다"
    r"|다|음)|낙점(?:합니다|한다)?"
    r"|한 표(?:를 던(?:집니다|지겠습니다|진다))?"
    r"|(?:고르|택하|선택하)는 (?:것이|게) (?:맞|옳|타당|적절|좋|바람직)[가-힣]{1,4}"
    rf"|(?<=고 )답(?:하겠습니다|합니다|한다|할게요)|답을 바[꾸꿉꾼](?:겠습니다|니다|다)?"
    rf"|(?:골라|택해|선택해|찍어)야 (?:한다|합니다|함|해요)|하겠습니다|하겠다|할게요|가겠습니다"
    r"|내겠습니다|냅니다|(?<=고 )(?:썼|적었)(?:습니다|어요|다)"
    rf"|갑니다){END}"
)
FITS = re.compile(
    rf"{CLOSE}(?:(?:이?라)?는 (?:것|설명|내용|진술|문장)|(?: ?의)? ?순서|{NOUN}) ?(?:만이?|이|가|모두) "
    r"(?:(?![^,.!?\n]{0,30}[은는이가] )[^,.!?\n]{1,30}으?로 )?(?:가장 |더 )?(?:"
    r"(?P<answer>(?:정답|답)(?:[가-힣]{0,5}|이 (?:된다|됩니다|되겠[가-힣]{1,4})))"
    r"|(?P<right>(?:맞|옳|적절|적합|알맞|올바르|타당|자연스|어울)[가-힣]{0,5}"
    r"(?: (?:판단|생각)(?:된다|됩니다|한다|합니다))?|표준어[가-힣]{1,3}"
    r"|(?:옳은|맞는|바른|올바른|적절한|알맞은|정확한|들어맞는) (?:[가-힣]{1,6} )?(?:표기|발음|표현"
    r"|말|것|설명|용어|단어|답)[가-힣]{1,3}"
    r"|들어가는 (?:것이|게) (?:가장 )?(?:적절|자연|알맞|옳|맞|타당)[가-힣]{1,5}"
    r"|(?:이에|여기에|[^,.!?\n]{1,30}에) 해당(?:한다|합니다))"
    rf"|들어(?:간다|갑니다|가야 (?:한다|합니다))){END}"
    rf"|{CLOSE}(?:(?:[만은는이가] [^.,!?\n]{{1,30}}?|뿐)?(?:이?므로|이?니까|이?기 때문에|이?라서))?"
    r"(?:,|이고,?)? ?[—–-]{0,2} ?(?P<this>(?:이것이|이게|이) (?:바로 )?(?:정답|답)[가-힣]{1,5}"
    r"|(?:이것|이)을 (?:고[른릅][가-힣]{1,2}|선택[가-힣]{2,3})"
    rf"|여기에 (?:넣는 것이 (?:가장 )?(?:적절|자연|알맞|타당)[가-힣]{{1,5}}|들어[간갑][가-힣]{{1,2}})){END}"
    rf"|{CLOSE}(?:(?:(?:을|를) (?:넣는|쓰는|사용하는)"
    r"|의? ?순(?:서|으)로 (?:이어지|배열하|배열되|나열하|연결하|연결되|놓)는) (?:것이|게) "
    r"(?:가장 )?(?:적절|자연|알맞|옳|맞|타당)[가-힣]{1,5}"
    r"|(?:으)?로 (?:써야|적어야|표기해야|읽어야|고쳐야|발음해야) (?:한다|합니다|해요"
    rf"|함)){END}"
)
IS_ODD = re.compile(
    rf"{CLOSE}{NOUN}(?:만|이|가) (?:나머지|다른 (?:것|둘|셋|넷))(?:들)?(?:과"
    rf"|와)(?:는)? (?:[가-힣]{{1,6}}(?:이|가) )?"
    rf"다(?:릅니다|르다|름){END}"
)
"""After the odd one, where a question asks for it."""
IS_BEST = re.compile(
    rf"{CLOSE} is (?:the )?(?:correct|right|best|most (?:appropriate|suitable|accurate))\b"
    rf"[\w ]{{0,12}}{END}"
)
WRONG_ASKED = re.compile(
    r"(?:않은|않는|틀린|아닌|잘못된|없는|먼|못한|무관한|(?:아니|않|없)[었았]던) [가-힣]{1,5}(?:은|는"
    r"|으로는) "
)
"""In a sentence, where the wrong one is asked: what follows is said to be the one that is asked for."""
AS_ASKED = re.compile(
    r"(?:물음|문제|질문|문항|발문|조건)(?:이|가|에|에서|의|와|과) (?:부합하|해당하|일치하"
    r"|요구하|요청하|설명하|묻|찾)는 "
    rf"(?:[가-힣]{{1,8}} ){{0,2}}[가-힣]{{1,8}}(?:은|는) {OPENS}"
)
_LEAVES_OPEN = (
    rf"{_FALSE}|지금은|아,|앗|[도] (?:들 수|꼽을 수|고[를르]|선택)|하지만|그러나|그런데|다만|다시|모르"
    r"|모릅|확실|오류"
    r"|아니[요다]|취소|정정|수정| 수도 |가능|(?<![가-힣])답|정답|둘 다|견해"
    r"|(?:[도과와]|역시|모두) (?:모두 |또한 |역시 |[가-힣]{1,10}에 )?"
    r"(?:맞|옳|적절|알맞|올바|(?:해당|속)(?!하지))"
    r"|이(?:것)?[은는] [^.!?\n]{0,12}(?:틀[린립렸]|잘못|거짓|사실이 아)"
    r"|(?:옳|맞|성립하|정확하|타당하|분명하|적절하|그렇|일치하|충분하)지(?:는|가|도)? 않"
    r"|(?:근거|확신)[^ ]{0,2} 없"
)
LEAVES_OPEN = re.compile(_LEAVES_OPEN)
LEAVES_CONCLUSION_OPEN = re.compile(f"{_MOVES_ON}|{_LEAVES_OPEN}")
"""After an outright statement, or a conclusion: in doubt whether it still stands."""
MOST = re.compile(
    rf"{CLOSE}(?:의 [가-힣 ]{{1,15}}|(?:이?라)?는 (?:것|설명|내용|진술))?(?:이|가) "
    r"(?:[^,.!?\n]{1,20}[과와에] )?(?:가장|제일) (?:높|낫|좋|[적타]|알맞|자연|가깝|정확|급하|중요)"
    rf"[가-힣]{{0,4}}다(?:{END}|고 {THINKS})"
)
ENDS = re.compile(CLOSE + END)
REMAINS = re.compile(rf"{CLOSE}만(?:이)? 남(?:습니다|는다|아요|음|게 (?:됩니다|된다)){END}")
"""After the only choice that is not ruled out."""
REMAINING = re.compile(rf"(?:남는|남은) (?:것|선택지|선지|보기|하나)(?:은|는|인) {OPENS}")
SAYS_WRONG = re.compile(
    rf"{CLOSE}(?:(?:이?라)?는 (?:것|설명|내용|진술|문장))?{NOUN}[은는이가] "
    r"(?:(?:(?!틀린|잘못|않은|오답|거짓)[^,.!?\n]){1,60} )?(?:"
    r"(?<=[이가] )(?:아닙니다|아니다|아님|아니에요)"
    r"|(?:[가-힣]{0,6}(?:하|되)지|옳지|맞지|알맞지|바르지) 않(?:습니다|는다|다|음|아요)"
    r"|틀(?:립니다|렸습니다|리다|렸다|림)|어긋(?:납니다|난다|남)"
    rf"|(?:틀린|잘못된|옳지 않은) (?:것|설명|내용|진술|문장|표기|표현|말|방법|행동|태도)"
    rf"(?:입니다|이다|임|이에요|예요)){END}"
)
"""After a choice that is called wrong, where that is asked for."""
JOINED = re.compile(
    r"[ ().:,'\"「」『』·=$*–-]{0,5}(?:번|인|에 해당하는|이며|이고|으?로|즉)?"
    r"[ (:,'\"「『]{0,3}(?:(?:선택지|선지|보기) )?"
)
